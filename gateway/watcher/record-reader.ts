import { LARGEST_RECORD } from "../model/process-records.ts";

/** Takes the records apart in the bytes as they come; undefined from then on when they are none. */
export class RecordReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The records that are whole by now. */
  take(chunk: Buffer): Buffer[] | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= 4) {
      const size = bytes.readUInt32LE(at);
      if (size > LARGEST_RECORD) return undefined;
      if (bytes.length - at - 4 < size) break;
      records.push(bytes.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return records;
  }
}

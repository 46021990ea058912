/**
 * Cuts a stream of `uint32 length | byte type | rest` into packets without holding a packet's bulk: the sink takes
 * the first bytes together and the others as they come.
 */
export class ByteFrames {
  readonly #begin: (type: number, length: number) => FrameSink;
  #held: Buffer = EMPTY;
  #sink: FrameSink | undefined;
  #rest: ((bytes: Buffer) => void) | undefined;
  /** Bytes of the present packet, after its type, that were not given out yet. */
  #left = 0;

  constructor(begin: (type: number, length: number) => FrameSink) {
    this.#begin = begin;
  }

  /** Consumes the bytes before it returns. Throws RangeError when the stream is none of such packets. */
  push(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      if (this.#sink === undefined) {
        if (bytes.length < 5) break;
        const length = bytes.readUInt32BE(0) - 1;
        if (length < 0 || length > LONGEST_PACKET) throw new RangeError("no such packet");
        this.#sink = this.#begin(bytes.readUInt8(4), length);
        this.#rest = undefined;
        this.#left = length;
        bytes = bytes.subarray(5);
      } else if (this.#rest === undefined) {
        const head = Math.min(this.#sink.head, this.#left);
        if (bytes.length < head) break;
        this.#rest = this.#sink.whole(bytes.subarray(0, head)) ?? ignore;
        bytes = this.#used(bytes, head);
      } else {
        if (bytes.length === 0) break;
        const part = bytes.subarray(0, this.#left);
        this.#rest(part);
        bytes = this.#used(bytes, part.length);
      }
    }
    this.#held = bytes.length === 0 ? EMPTY : Buffer.from(bytes);
  }

  #used(bytes: Buffer, count: number): Buffer {
    this.#left -= count;
    if (this.#left === 0) this.#sink = undefined;
    return bytes.subarray(count);
  }
}

export interface FrameSink {
  /** Bytes, after the type, to be given together to `whole` (fewer if the packet is shorter). */
  readonly head: number;
  /** Gets the first bytes; what it returns gets the rest in pieces. */
  readonly whole: (head: Buffer) => ((bytes: Buffer) => void) | undefined;
}

const EMPTY: Buffer = Buffer.alloc(0);
const LONGEST_PACKET = 1_048_576;

function ignore(): void {
  // The rest of a packet nobody asked for.
}

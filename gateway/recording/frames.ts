import { MAX_FRAME } from "./sealed-form.ts";

/** What becomes one frame. */
export interface PlainFrame {
  readonly bytes: Buffer;
  readonly entryAt: number | undefined;
  readonly from: bigint;
  readonly to: bigint;
  readonly channels: readonly number[];
}

/** The entry that a piece of bytes is. */
interface Whose {
  readonly at: bigint;
  readonly channel: number;
}

/** Cuts a recording into frames, between entries where that can be done. */
export class FrameCutter {
  #pieces: Buffer[] = [];
  #size = 0;
  #entryAt: number | undefined;
  #from = 0n;
  #to = 0n;
  #channels = new Set<number>();

  /** Takes the next bytes, of an entry or of none, and gives the frames that are full now. */
  *add(bytes: Buffer, entry?: Whose): Generator<PlainFrame, void, undefined> {
    if (this.#size > 0 && this.#size + bytes.length > MAX_FRAME) yield this.#cut();
    for (let done = 0; done < bytes.length; done += MAX_FRAME) {
      if (done > 0) yield this.#cut();
      if (entry !== undefined) this.#note(entry, done === 0);
      const piece = bytes.subarray(done, done + MAX_FRAME);
      this.#pieces.push(piece);
      this.#size += piece.length;
    }
  }

  *rest(): Generator<PlainFrame, void, undefined> {
    if (this.#size > 0) yield this.#cut();
  }

  #note({ at, channel }: Whose, starts: boolean): void {
    if (starts && this.#entryAt === undefined) {
      this.#entryAt = this.#size;
      this.#from = at;
    }
    this.#to = at;
    this.#channels.add(channel);
  }

  #cut(): PlainFrame {
    const frame = {
      bytes: Buffer.concat(this.#pieces),
      entryAt: this.#entryAt,
      from: this.#from,
      to: this.#to,
      channels: [...this.#channels].sort((a, b) => a - b),
    };
    this.#pieces = [];
    this.#size = 0;
    this.#entryAt = undefined;
    this.#from = this.#to;
    this.#channels = new Set();
    return frame;
  }
}

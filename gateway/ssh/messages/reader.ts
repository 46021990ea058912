import { toByteString, type ByteString } from "../../model/bytes.ts";

const EMPTY = Buffer.alloc(0);

/**
 * Reads the types of RFC 4251 section 5 out of a payload. A read past the end spoils the reader instead of throwing:
 * from then on everything reads as zero or empty and `truncated` is true, so that a parser asks once, at its end.
 */
export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  #truncated = false;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Nothing is missing and nothing is left. */
  get complete(): boolean {
    return !this.#truncated && this.remaining === 0;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#bytes.readUInt8(at);
  }

  /** Any value but 0 is true (RFC 4251 section 5). */
  bool(): boolean {
    return this.u8() !== 0;
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#bytes.readUInt32BE(at);
  }

  u64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#bytes.readBigUInt64BE(at);
  }

  /** A view into the payload: whoever keeps it longer than the payload lives copies it. */
  string(): Buffer {
    const length = this.u32();
    const at = this.#take(length);
    return at < 0 ? EMPTY : this.#bytes.subarray(at, at + length);
  }

  text(): ByteString {
    return toByteString(this.string());
  }

  /** What is left, as a view. */
  rest(): Buffer {
    const rest = this.#truncated ? EMPTY : this.#bytes.subarray(this.#at);
    this.#at = this.#bytes.length;
    return rest;
  }

  /** Where the read began, or -1 when there is not enough. */
  #take(length: number): number {
    if (this.#truncated || length > this.remaining) {
      this.#truncated = true;
      return -1;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

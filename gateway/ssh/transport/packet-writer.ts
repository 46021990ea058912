import { randomFillSync } from "node:crypto";
import type { Sealer } from "./ciphers/direction.ts";
import { plainSealer } from "./ciphers/plain.ts";
import type { Deflater } from "./compression.ts";
import type { Outbox } from "./outbox.ts";

/** Random padding comes from here; filling 8 KiB at once costs less than each packet's few bytes (1 µs). */
const PADDING = Buffer.alloc(8192);
let paddingAt = PADDING.length;

/** Payloads in, sealed packets out into the outbox. */
export class PacketWriter {
  /** Since the last `install`, for the rekey limits. */
  packets = 0;
  blocks = 0;
  readonly #outbox: Outbox;
  #sealer: Sealer = plainSealer;
  #deflater: Deflater | undefined;
  #sequence = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  get blockSize(): number {
    return this.#sealer.blockSize;
  }

  install(sealer: Sealer, resetSequence: boolean): void {
    this.#sealer = sealer;
    if (resetSequence) this.#sequence = 0;
    this.packets = 0;
    this.blocks = 0;
  }

  /** From the next packet on; undefined: no compression. */
  deflateWith(deflater: Deflater | undefined): void {
    this.#deflater?.close();
    this.#deflater = deflater;
  }

  write(payload: Uint8Array): void {
    const body = this.#deflater ? this.#deflater.deflate(payload) : payload;
    const { blockSize, tagLength, lengthApart } = this.#sealer;
    // As OpenSSH pads: the least that fills the block, and at least 4.
    let padding = blockSize - ((1 + body.length + (lengthApart ? 0 : 4)) % blockSize);
    if (padding < 4) padding += blockSize;
    const size = 5 + body.length + padding;
    const { bytes, start } = this.#outbox.reserve(size + tagLength);
    bytes.writeUInt32BE(size - 4, start);
    bytes[start + 4] = padding;
    bytes.set(body, start + 5);
    this.#pad(bytes, start + 5 + body.length, padding);
    this.#sealer.seal(bytes, start, start + size, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.packets++;
    this.blocks += size / blockSize;
  }

  close(): void {
    this.deflateWith(undefined);
  }

  /** Zeros while nothing is encrypted, as OpenSSH does: padding that is random there tells an observer what else it is not. */
  #pad(bytes: Buffer, at: number, length: number): void {
    if (this.#sealer === plainSealer) {
      bytes.fill(0, at, at + length);
      return;
    }
    if (paddingAt + length > PADDING.length) {
      randomFillSync(PADDING);
      paddingAt = 0;
    }
    bytes.set(PADDING.subarray(paddingAt, paddingAt + length), at);
    paddingAt += length;
  }
}

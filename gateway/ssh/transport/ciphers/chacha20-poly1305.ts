import { createCipheriv, timingSafeEqual } from "node:crypto";
import type { DirectionKeys, Opener, Sealer } from "./direction.ts";
import { poly1305 } from "./poly1305.ts";

/**
 * chacha20-poly1305@openssh.com as in OpenSSH's PROTOCOL.chacha20poly1305: two ChaCha20 keys, the sequence number as nonce. The second key hides the
 * length; the first makes the Poly1305 key with block 0 and encrypts the packet from block 1 on.
 */
const TAG = 16;
/** One block: its first half is the Poly1305 key, and what follows starts at block 1. */
const BLOCK_0 = Buffer.alloc(64);

/** 64 bit block counter (little-endian, always 0 at the start of a packet), then the 64 bit nonce. Shared: used and done within one call. */
const IV = Buffer.alloc(16);

function keystream(key: Buffer, sequence: number) {
  IV.writeUInt32BE(sequence, 12);
  return createCipheriv("chacha20", key, IV);
}

export class ChaChaPolySealer implements Sealer {
  readonly blockSize = 8;
  readonly tagLength = TAG;
  readonly lengthApart = true;
  readonly #main: Buffer;
  readonly #header: Buffer;

  constructor({ key }: DirectionKeys) {
    this.#main = key.subarray(0, 32);
    this.#header = key.subarray(32, 64);
  }

  seal(bytes: Buffer, start: number, end: number, sequence: number): void {
    const body = start + 4;
    bytes.set(keystream(this.#header, sequence).update(bytes.subarray(start, body)), start);
    const main = keystream(this.#main, sequence);
    const oneTimeKey = main.update(BLOCK_0).subarray(0, 32);
    bytes.set(main.update(bytes.subarray(body, end)), body);
    bytes.set(poly1305(oneTimeKey, bytes.subarray(start, end)), end);
  }
}

export class ChaChaPolyOpener implements Opener {
  readonly blockSize = 8;
  readonly tagLength = TAG;
  readonly lengthApart = true;
  readonly headLength = 4;
  readonly #main: Buffer;
  readonly #header: Buffer;

  constructor({ key }: DirectionKeys) {
    this.#main = key.subarray(0, 32);
    this.#header = key.subarray(32, 64);
  }

  length(bytes: Buffer, start: number, sequence: number): number {
    return keystream(this.#header, sequence)
      .update(bytes.subarray(start, start + 4))
      .readUInt32BE();
  }

  open(bytes: Buffer, start: number, length: number, sequence: number): Buffer | undefined {
    const end = start + 4 + length;
    const main = keystream(this.#main, sequence);
    const oneTimeKey = main.update(BLOCK_0).subarray(0, 32);
    const tag = poly1305(oneTimeKey, bytes.subarray(start, end));
    if (!timingSafeEqual(tag, bytes.subarray(end, end + TAG))) return undefined;
    return main.update(bytes.subarray(start + 4, end));
  }
}

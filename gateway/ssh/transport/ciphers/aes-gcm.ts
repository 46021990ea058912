import { createCipheriv, createDecipheriv } from "node:crypto";
import type { DirectionKeys, Opener, Sealer } from "./direction.ts";

/**
 * AES-GCM as in RFC 5647 with OpenSSH's names: the length in clear as additional data, a nonce of 4 fixed bytes and a counter of 8 that goes
 * up by one each packet. Node cannot give a cipher a new nonce, so each packet makes one (3 µs of the 16 µs that 32 KiB take).
 */
type Algorithm = "aes-128-gcm" | "aes-256-gcm";

const TAG = 16;
const OPTIONS = { authTagLength: TAG };

export class AesGcmSealer implements Sealer {
  readonly blockSize = 16;
  readonly tagLength = TAG;
  readonly lengthApart = true;
  readonly #algorithm: Algorithm;
  readonly #key: Buffer;
  readonly #nonce: Buffer;

  constructor(algorithm: Algorithm, { key, iv }: DirectionKeys) {
    this.#algorithm = algorithm;
    this.#key = key.subarray(0, algorithm === "aes-128-gcm" ? 16 : 32);
    this.#nonce = Buffer.from(iv.subarray(0, 12));
  }

  seal(bytes: Buffer, start: number, end: number): void {
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce, OPTIONS);
    cipher.setAAD(bytes.subarray(start, start + 4));
    bytes.set(cipher.update(bytes.subarray(start + 4, end)), start + 4);
    cipher.final();
    bytes.set(cipher.getAuthTag(), end);
    increment(this.#nonce);
  }
}

export class AesGcmOpener implements Opener {
  readonly blockSize = 16;
  readonly tagLength = TAG;
  readonly lengthApart = true;
  readonly headLength = 4;
  readonly #algorithm: Algorithm;
  readonly #key: Buffer;
  readonly #nonce: Buffer;

  constructor(algorithm: Algorithm, { key, iv }: DirectionKeys) {
    this.#algorithm = algorithm;
    this.#key = key.subarray(0, algorithm === "aes-128-gcm" ? 16 : 32);
    this.#nonce = Buffer.from(iv.subarray(0, 12));
  }

  length(bytes: Buffer, start: number): number {
    return bytes.readUInt32BE(start);
  }

  open(bytes: Buffer, start: number, length: number): Buffer | undefined {
    const body = start + 4;
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce, OPTIONS);
    decipher.setAAD(bytes.subarray(start, body));
    decipher.setAuthTag(bytes.subarray(body + length, body + length + TAG));
    const clear = decipher.update(bytes.subarray(body, body + length));
    try {
      decipher.final();
    } catch {
      return undefined; // the tag did not match
    }
    increment(this.#nonce);
    return clear;
  }
}

/** The invocation counter: the last 8 bytes, big-endian, wrapping (RFC 5647 section 7.1). */
function increment(nonce: Buffer): void {
  for (let at = 11; at >= 4; at--) {
    const next = ((nonce[at] ?? 0) + 1) & 0xff;
    nonce[at] = next;
    if (next !== 0) return;
  }
}

import {
  createCipheriv,
  createDecipheriv,
  timingSafeEqual,
  type Cipheriv,
  type Decipheriv,
} from "node:crypto";
import type { DirectionKeys, Opener, Sealer } from "./direction.ts";
import type { MacAlgorithm, PacketMac } from "./mac.ts";

/** AES in counter mode (RFC 4344 section 4): one key stream from NEWKEYS to NEWKEYS. With a MAC, in either order. */
type Algorithm = "aes-128-ctr" | "aes-192-ctr" | "aes-256-ctr";

const BLOCK = 16;

function keyOf(algorithm: Algorithm, key: Buffer): Buffer {
  return key.subarray(0, Number(algorithm.slice(4, 7)) / 8);
}

export class AesCtrSealer implements Sealer {
  readonly blockSize = BLOCK;
  readonly tagLength: number;
  readonly lengthApart: boolean;
  readonly #cipher: Cipheriv;
  readonly #mac: PacketMac;

  constructor(algorithm: Algorithm, mac: MacAlgorithm, { key, iv, macKey }: DirectionKeys) {
    this.#cipher = createCipheriv(algorithm, keyOf(algorithm, key), iv.subarray(0, BLOCK));
    this.#mac = mac.start(macKey);
    this.tagLength = mac.length;
    this.lengthApart = mac.encryptThenMac;
  }

  seal(bytes: Buffer, start: number, end: number, sequence: number): void {
    if (this.lengthApart) {
      bytes.set(this.#cipher.update(bytes.subarray(start + 4, end)), start + 4);
      bytes.set(this.#mac.tag(sequence, bytes.subarray(start, end)), end);
    } else {
      const packet = bytes.subarray(start, end);
      bytes.set(this.#mac.tag(sequence, packet), end);
      bytes.set(this.#cipher.update(packet), start);
    }
  }
}

/** Encrypt-then-MAC: the length is in clear, and nothing is decrypted before the tag was found right. */
export class AesCtrEtmOpener implements Opener {
  readonly blockSize = BLOCK;
  readonly tagLength: number;
  readonly lengthApart = true;
  readonly headLength = 4;
  readonly #decipher: Decipheriv;
  readonly #mac: PacketMac;

  constructor(algorithm: Algorithm, mac: MacAlgorithm, { key, iv, macKey }: DirectionKeys) {
    this.#decipher = createDecipheriv(algorithm, keyOf(algorithm, key), iv.subarray(0, BLOCK));
    this.#mac = mac.start(macKey);
    this.tagLength = mac.length;
  }

  length(bytes: Buffer, start: number): number {
    return bytes.readUInt32BE(start);
  }

  open(bytes: Buffer, start: number, length: number, sequence: number): Buffer | undefined {
    const end = start + 4 + length;
    const tag = bytes.subarray(end, end + this.tagLength);
    if (!timingSafeEqual(tag, this.#mac.tag(sequence, bytes.subarray(start, end)))) return undefined;
    return this.#decipher.update(bytes.subarray(start + 4, end));
  }
}

/** Encrypt-and-MAC: the first block must be decrypted to know the length. */
export class AesCtrOpener implements Opener {
  readonly blockSize = BLOCK;
  readonly tagLength: number;
  readonly lengthApart = false;
  readonly headLength = BLOCK;
  readonly #decipher: Decipheriv;
  readonly #mac: PacketMac;
  #head: Buffer = Buffer.alloc(0);

  constructor(algorithm: Algorithm, mac: MacAlgorithm, { key, iv, macKey }: DirectionKeys) {
    this.#decipher = createDecipheriv(algorithm, keyOf(algorithm, key), iv.subarray(0, BLOCK));
    this.#mac = mac.start(macKey);
    this.tagLength = mac.length;
  }

  length(bytes: Buffer, start: number): number {
    this.#head = this.#decipher.update(bytes.subarray(start, start + BLOCK));
    return this.#head.readUInt32BE();
  }

  open(bytes: Buffer, start: number, length: number, sequence: number): Buffer | undefined {
    const end = start + 4 + length;
    const rest = this.#decipher.update(bytes.subarray(start + BLOCK, end));
    // In clear into the place where it lay: the packet is in one piece again without a new buffer.
    bytes.set(this.#head, start);
    bytes.set(rest, start + BLOCK);
    const tag = bytes.subarray(end, end + this.tagLength);
    if (!timingSafeEqual(tag, this.#mac.tag(sequence, bytes.subarray(start, end)))) return undefined;
    return bytes.subarray(start + 4, end);
  }
}

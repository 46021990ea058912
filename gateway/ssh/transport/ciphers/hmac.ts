import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { MacAlgorithm, PacketMac } from "./mac.ts";

const SEQUENCE = Buffer.alloc(4);

/** HMAC over sequence number and packet (RFC 4253 section 6.4, RFC 6668); the key is as long as the tag. */
export function hmac(hash: "sha1" | "sha256" | "sha512", encryptThenMac: boolean): MacAlgorithm {
  const length = { sha1: 20, sha256: 32, sha512: 64 }[hash];
  return {
    keyLength: length,
    length,
    encryptThenMac,
    start: (key) => new Hmac(hash, key.subarray(0, length)),
  };
}

class Hmac implements PacketMac {
  readonly #hash: string;
  readonly #key: KeyObject;

  constructor(hash: string, key: Buffer) {
    this.#hash = hash;
    this.#key = createSecretKey(key);
  }

  tag(sequence: number, packet: Buffer): Buffer {
    SEQUENCE.writeUInt32BE(sequence);
    return createHmac(this.#hash, this.#key).update(SEQUENCE).update(packet).digest();
  }
}

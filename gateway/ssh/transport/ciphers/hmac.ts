import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from "node:crypto";

/** HMAC over sequence number and packet (RFC 4253 section 6.4); the `-etm@openssh.com` ones over what is sent, the others over what is meant. */
export interface MacAlgorithm {
  readonly hash: "sha1" | "sha256" | "sha512";
  /** Bytes of key and of tag. */
  readonly length: number;
  readonly encryptThenMac: boolean;
}

export const MACS: Readonly<Record<string, MacAlgorithm>> = {
  "hmac-sha2-256-etm@openssh.com": { hash: "sha256", length: 32, encryptThenMac: true },
  "hmac-sha2-512-etm@openssh.com": { hash: "sha512", length: 64, encryptThenMac: true },
  "hmac-sha1-etm@openssh.com": { hash: "sha1", length: 20, encryptThenMac: true },
  "hmac-sha2-256": { hash: "sha256", length: 32, encryptThenMac: false },
  "hmac-sha2-512": { hash: "sha512", length: 64, encryptThenMac: false },
  "hmac-sha1": { hash: "sha1", length: 20, encryptThenMac: false },
};

const SEQUENCE = Buffer.alloc(4);

export class PacketMac {
  readonly algorithm: MacAlgorithm;
  readonly #key: KeyObject;

  constructor(algorithm: MacAlgorithm, key: Buffer) {
    this.algorithm = algorithm;
    this.#key = createSecretKey(key.subarray(0, algorithm.length));
  }

  tag(sequence: number, ...parts: readonly Buffer[]): Buffer {
    SEQUENCE.writeUInt32BE(sequence);
    const hmac = createHmac(this.algorithm.hash, this.#key).update(SEQUENCE);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  matches(tag: Buffer, sequence: number, ...parts: readonly Buffer[]): boolean {
    return timingSafeEqual(tag, this.tag(sequence, ...parts));
  }
}

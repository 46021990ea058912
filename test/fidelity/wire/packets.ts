/** The prober's own packets (RFC 4253 section 6): in clear, AES in counter mode with an HMAC over the clear text, and AES-GCM. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type CipherGCMTypes,
  type CipherGCM,
  type DecipherGCM,
} from "node:crypto";
import { u32 } from "./encoding.ts";

export const CIPHERS = ["aes128-ctr", "aes128-gcm@openssh.com"] as const;
export type CipherName = (typeof CIPHERS)[number];

export interface Keys {
  readonly cipher: CipherName;
  readonly iv: Buffer;
  readonly key: Buffer;
  readonly mac: Buffer;
}

export interface Framed {
  readonly payload: Buffer;
  readonly padding: Buffer;
}

export interface Writing {
  /** Bytes of padding, if not as many as are needed. */
  readonly padding?: number;
  /** Spoils the MAC or tag. */
  readonly spoil?: boolean;
  /** What the length field says, if not the truth. */
  readonly length?: number;
}

/** How a sequence of packets is sealed, or opened. Each keeps its own count. */
interface Seal {
  readonly block: number;
  readonly lengthApart: boolean;
  readonly tag: number;
  seal(sequence: number, packet: Buffer): Buffer;
}

interface Open {
  readonly tag: number;
  /** Bytes that have to be there to know the length. */
  readonly head: number;
  length(head: Buffer): number;
  /** The whole packet in clear, from padding_length on. */
  open(sequence: number, packet: Buffer): Buffer;
}

const CLEAR: Seal & Open = {
  block: 8,
  lengthApart: false,
  tag: 0,
  head: 4,
  seal: (_sequence, packet) => packet,
  length: (head) => head.readUInt32BE(0),
  open: (_sequence, packet) => packet.subarray(4),
};

export class PacketWriter {
  #sequence = 0;
  #seal: Seal = CLEAR;

  get sequence(): number {
    return this.#sequence;
  }

  install(keys: Keys, resetSequence: boolean): void {
    this.#seal = keys.cipher === "aes128-ctr" ? ctrSeal(keys) : gcmSeal(keys);
    if (resetSequence) this.#sequence = 0;
  }

  write(payload: Buffer, { padding, spoil, length }: Writing = {}): Buffer {
    const { block, lengthApart } = this.#seal;
    const size = (lengthApart ? 1 : 5) + payload.length;
    let added = block - (size % block);
    if (added < 4) added += block;
    const fill = Buffer.alloc(padding ?? added);
    const packet = Buffer.concat([
      u32(length ?? 1 + payload.length + fill.length),
      Buffer.of(fill.length),
      payload,
      fill,
    ]);
    const sealed = this.#seal.seal(this.#sequence++, packet);
    if (spoil === true) sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
    return sealed;
  }
}

export class PacketReader {
  #sequence = 0;
  #open: Open = CLEAR;
  #bytes: Buffer = Buffer.alloc(0);
  #length: number | undefined;

  install(keys: Keys, resetSequence: boolean): void {
    this.#open = keys.cipher === "aes128-ctr" ? ctrOpen(keys) : gcmOpen(keys);
    if (resetSequence) this.#sequence = 0;
  }

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** Where no packet can be, what is there is text. */
  takeText(): Buffer | undefined {
    const isText = this.#open === CLEAR && this.#bytes.length >= 4 && this.#bytes.readUInt32BE(0) > 1 << 20;
    return isText ? this.#bytes.subarray(0) : undefined;
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
  }

  next(): Framed | undefined {
    const opener = this.#open;
    if (this.#bytes.length < opener.head) return undefined;
    this.#length ??= opener.length(this.#bytes.subarray(0, opener.head));
    const size = 4 + this.#length + opener.tag;
    if (this.#bytes.length < size) return undefined;
    const packet = opener.open(this.#sequence++, this.#bytes.subarray(0, size));
    this.#bytes = this.#bytes.subarray(size);
    this.#length = undefined;
    const padding = packet[0] ?? 0;
    const end = packet.length - padding;
    return { payload: Buffer.from(packet.subarray(1, end)), padding: Buffer.from(packet.subarray(end)) };
  }
}

function ctrSeal({ key, iv, mac }: Keys): Seal {
  const cipher = createCipheriv("aes-128-ctr", key, iv);
  return {
    block: 16,
    lengthApart: false,
    tag: 32,
    seal: (sequence, packet) => Buffer.concat([cipher.update(packet), hmac(mac, sequence, packet)]),
  };
}

function ctrOpen({ key, iv, mac }: Keys): Open {
  const decipher = createDecipheriv("aes-128-ctr", key, iv);
  let first: Buffer = Buffer.alloc(0);
  return {
    tag: 32,
    head: 16,
    length: (head) => {
      first = decipher.update(head);
      return first.readUInt32BE(0);
    },
    open: (sequence, packet) => {
      const body = packet.subarray(0, packet.length - 32);
      const clear = Buffer.concat([first, decipher.update(body.subarray(16))]);
      if (!hmac(mac, sequence, clear).equals(packet.subarray(-32))) throw new Error("a MAC that is wrong");
      return clear.subarray(4);
    },
  };
}

function hmac(key: Buffer, sequence: number, packet: Buffer): Buffer {
  return createHmac("sha256", key).update(u32(sequence)).update(packet).digest();
}

const GCM: CipherGCMTypes = "aes-128-gcm";

/** RFC 5647: a fixed part of 4 bytes, and a counter of 8 that goes up with each packet. */
function nonces(iv: Buffer): () => Buffer {
  const nonce = Buffer.from(iv.subarray(0, 12));
  let count = nonce.readBigUInt64BE(4);
  return () => {
    nonce.writeBigUInt64BE(count, 4);
    count = BigInt.asUintN(64, count + 1n);
    return Buffer.from(nonce);
  };
}

function gcmSeal({ key, iv }: Keys): Seal {
  const nonce = nonces(iv);
  return {
    block: 16,
    lengthApart: true,
    tag: 16,
    seal: (_sequence, packet) => {
      const cipher: CipherGCM = createCipheriv(GCM, key, nonce());
      cipher.setAAD(packet.subarray(0, 4));
      const sealed = cipher.update(packet.subarray(4));
      cipher.final();
      return Buffer.concat([packet.subarray(0, 4), sealed, cipher.getAuthTag()]);
    },
  };
}

function gcmOpen({ key, iv }: Keys): Open {
  const nonce = nonces(iv);
  return {
    tag: 16,
    head: 4,
    length: (head) => head.readUInt32BE(0),
    open: (_sequence, packet) => {
      const decipher: DecipherGCM = createDecipheriv(GCM, key, nonce());
      decipher.setAAD(packet.subarray(0, 4));
      decipher.setAuthTag(packet.subarray(-16));
      const clear = decipher.update(packet.subarray(4, -16));
      decipher.final();
      return clear;
    },
  };
}

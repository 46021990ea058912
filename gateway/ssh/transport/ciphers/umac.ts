import { createCipheriv, type Cipheriv } from "node:crypto";
import type { MacAlgorithm, PacketMac } from "./mac.ts";
import { LONGEST_MESSAGE, MOST_STREAMS, PLACE, umacProgram } from "./umac-program.ts";

/**
 * UMAC (RFC 4418) as OpenSSH has it: a key of 16 bytes, and the sequence number, as 8 bytes, for a nonce. The sequence number is not hashed.
 */
export function umac(length: 8 | 16, encryptThenMac: boolean): MacAlgorithm {
  return { keyLength: 16, length, encryptThenMac, start: (key) => new Umac(key.subarray(0, 16), length) };
}

interface Machine {
  readonly memory: Buffer;
  readonly hashMessage: (length: number, streams: number) => void;
  /** Whose keys lie in the memory. */
  holder: Umac | undefined;
}

/** One for the process: a memory of WebAssembly costs gigabytes of addresses. Filled, used and read within one call. */
let machine: Machine | undefined;

// The types of WebAssembly come with the browser's, which are not for us.
interface WasmConstructors {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => {
    readonly exports: { memory: { buffer: ArrayBuffer }; hashMessage: Machine["hashMessage"] };
  };
}

function started(): Machine {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WasmConstructors }).WebAssembly;
  const { memory, hashMessage } = new Instance(new Module(umacProgram())).exports;
  return { memory: Buffer.from(memory.buffer), hashMessage, holder: undefined };
}

const BLOCK = 16;
/** Nonces whose pads are made at once: a call costs more than a block. */
const NONCES = 32;

export class Umac implements PacketMac {
  readonly #length: number;
  readonly #streams: number;
  /** As the program wants them. */
  readonly #keys: Buffer;
  readonly #padCipher: Cipheriv;
  #pads: Buffer = Buffer.alloc(0);
  #firstPadded = -1;
  #paddedHigh = 0;

  constructor(key: Buffer, length: 8 | 16) {
    this.#length = length;
    this.#streams = length / 4;
    this.#keys = hashKeys(key, this.#streams);
    this.#padCipher = blockCipher(derive(key, 0, 16));
  }

  tag(sequence: number, packet: Buffer): Buffer {
    return this.tagFor(0, sequence, packet);
  }

  /** The nonce is eight bytes, as two numbers. */
  tagFor(nonceHigh: number, nonceLow: number, message: Buffer): Buffer {
    const hash = this.#hash(message);
    const pad = this.#pad(nonceHigh, nonceLow);
    for (let at = 0; at < hash.length; at++) hash[at] = (hash[at] ?? 0) ^ (pad[at] ?? 0);
    return hash;
  }

  #hash(message: Buffer): Buffer {
    machine ??= started();
    const { memory, hashMessage } = machine;
    if (message.length > LONGEST_MESSAGE) throw new RangeError("a message too long for UMAC");
    if (machine.holder !== this) {
      memory.set(this.#keys, PLACE.blockKey);
      machine.holder = this;
    }
    memory.set(message, PLACE.message);
    const end = PLACE.message + message.length;
    memory.fill(0, end, end + 32);
    hashMessage(message.length, this.#streams);
    // A copy, with each number's bytes in the order of the wire.
    return Buffer.from(memory.subarray(PLACE.result, PLACE.result + this.#length)).swap32();
  }

  /** PDF of section 4.4.1: tags of 8 bytes share a block among two nonces. */
  #pad(high: number, low: number): Buffer {
    const first = low - (low % NONCES);
    if (first !== this.#firstPadded || high !== this.#paddedHigh) {
      const nonces = Buffer.alloc(NONCES * BLOCK);
      const shared = BLOCK / this.#length;
      for (let index = 0; index < NONCES; index++) {
        nonces.writeUInt32BE(high, index * BLOCK);
        nonces.writeUInt32BE(first + index - (index % shared), index * BLOCK + 4);
      }
      this.#pads = this.#padCipher.update(nonces);
      this.#firstPadded = first;
      this.#paddedHigh = high;
    }
    const at = (low - first) * BLOCK + (this.#length === BLOCK ? 0 : (low % 2) * this.#length);
    return this.#pads.subarray(at, at + this.#length);
  }
}

function blockCipher(key: Buffer): Cipheriv {
  return createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
}

/** KDF of section 3.2.1: what is it for, and a count, each as 8 bytes, encrypted. */
function derive(key: Buffer, index: number, length: number): Buffer {
  const blocks = Buffer.alloc(Math.ceil(length / BLOCK) * BLOCK);
  for (let count = 0; count * BLOCK < blocks.length; count++) {
    blocks[count * BLOCK + 7] = index;
    blocks.writeUInt32BE(count + 1, count * BLOCK + 12);
  }
  return blockCipher(key).update(blocks).subarray(0, length);
}

const HALVES_OF_25_BITS = 0x01ff_ffff_01ff_ffffn;
const PRIME_36 = 2n ** 36n - 5n;

/** The keys of the three layers (sections 5.1 to 5.6), as numbers in the program's order of bytes. */
function hashKeys(key: Buffer, streams: number): Buffer {
  const keys = Buffer.alloc(PLACE.keysEnd);
  derive(key, 1, 1024 + 16 * (MOST_STREAMS - 1))
    .swap32()
    .copy(keys, PLACE.blockKey);
  const [polynomial, products, masks] = [
    derive(key, 2, 24 * streams),
    derive(key, 3, 64 * streams),
    derive(key, 4, 4 * streams),
  ];
  for (let stream = 0; stream < streams; stream++) {
    const word = polynomial.readBigUInt64BE(24 * stream) & HALVES_OF_25_BITS;
    keys.writeBigUInt64LE(word, PLACE.polynomialKey + 8 * stream);
    for (let index = 0; index < 4; index++) {
      // The first half of L3-HASH's input is zero for messages of our length, so the first four keys are not needed.
      const factor = products.readBigUInt64BE(64 * stream + 32 + 8 * index) % PRIME_36;
      keys.writeBigUInt64LE(factor, PLACE.innerProductKey + 32 * stream + 8 * index);
    }
    keys.writeUInt32LE(masks.readUInt32BE(4 * stream), PLACE.mask + 4 * stream);
  }
  return keys;
}

/** The post-quantum key exchanges where no program at hand speaks them, and what their arithmetic must hold. sntrup761 with OpenSSH itself is in openssh.test.ts. */
import assert from "node:assert/strict";
import {
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { describe, it } from "node:test";
import { payload, string } from "../../../gateway/ssh/messages/writer.ts";
import { ProtocolError } from "../../../gateway/ssh/transport/failures.ts";
import { kexMethod } from "../../../gateway/ssh/transport/kex/methods.ts";
import { packNumbers, unpackNumbers } from "../../../gateway/ssh/transport/kex/sntrup761-coding.ts";
import { encapsulateSntrup761, SNTRUP761 } from "../../../gateway/ssh/transport/kex/sntrup761.ts";

const X25519_PREFIX = Buffer.from("302a300506032b656e032100", "hex");
const CONTEXT = { moduli: [], isOver: () => false };

function rawOf(key: KeyObject, length: number): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(-length);
}

async function answer(method: string, value: Buffer) {
  const step = await kexMethod(method)
    .answer(CONTEXT)
    .take(payload(30, string(value)));
  assert.ok(step?.kind === "agreed");
  return step;
}

function x25519(privateKey: KeyObject, peer: Buffer): Buffer {
  const key = Buffer.concat([X25519_PREFIX, peer]);
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "der", type: "spki" }) });
}

describe("mlkem768x25519-sha256", () => {
  const method = "mlkem768x25519-sha256";
  it("gives the client, who has OpenSSL's ML-KEM, the same secret", async () => {
    const [kem, curve] = [generateKeyPairSync("ml-kem-768"), generateKeyPairSync("x25519")];
    const value = Buffer.concat([rawOf(kem.publicKey, 1184), rawOf(curve.publicKey, 32)]);
    const { publicValue, secret, exchanged, reply } = await answer(method, value);
    assert.equal(publicValue.length, 1088 + 32);
    const quantum = decapsulate(kem.privateKey, publicValue.subarray(0, 1088));
    const classical = x25519(curve.privateKey, publicValue.subarray(1088));
    const expected = createHash("sha256").update(quantum).update(classical).digest();
    assert.deepEqual(secret, string(expected));
    assert.deepEqual(exchanged, Buffer.concat([string(value), string(publicValue)]));
    assert.equal(reply, 31);
  });
  it("refuses what is no key, no point, or of another length", async () => {
    const [kem, curve] = [generateKeyPairSync("ml-kem-768"), generateKeyPairSync("x25519")];
    const [key, point] = [rawOf(kem.publicKey, 1184), rawOf(curve.publicKey, 32)];
    const bad = [
      Buffer.alloc(0),
      key,
      Buffer.concat([key, point, Buffer.of(0)]),
      Buffer.concat([key, point]).subarray(1),
      Buffer.concat([key, Buffer.alloc(32)]), // X25519 with it gives zeros
      Buffer.concat([Buffer.alloc(1152, 0xff), key.subarray(1152), point]), // numbers over 3328 (FIPS 203 section 7.2)
    ];
    for (const value of bad) await assert.rejects(answer(method, value), ProtocolError);
  });
});

describe("sntrup761", () => {
  it("packs numbers so that they come back, whatever they are", () => {
    for (const [radix, count, length] of [
      [4591, 761, SNTRUP761.publicKeyLength],
      [1531, 761, SNTRUP761.ciphertextLength - 32],
      [3, 1, 1],
      [255, 1, 1],
      [256, 3, 3],
      [4591, 2, 4],
    ] as const) {
      const random = randomBytes(4 * count);
      const numbers = Array.from({ length: count }, (_, index) => random.readUInt32BE(4 * index) % radix);
      for (const list of [numbers, numbers.map(() => 0), numbers.map(() => radix - 1)]) {
        const bytes = packNumbers(list, radix);
        assert.equal(bytes.length, length);
        assert.deepEqual([...unpackNumbers(bytes, radix, count)], list);
      }
    }
    assert.ok([...unpackNumbers(Buffer.alloc(1158, 0xff), 4591, 761)].every((number) => number < 4591));
  });

  it("multiplies as the schoolbook does", () => {
    const publicKey = packNumbers(
      Array.from({ length: 761 }, (_, index) => (index * index * 31 + 7) % 4591),
      4591,
    );
    const random = new Uint32Array(761).map((_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 0);
    const { ciphertext, sharedKey } = encapsulateSntrup761(publicKey, random);
    // The same by the definition, in numbers without a bound.
    const sorted = [...random]
      .map((value, index) => (index < 286 ? value & ~1 : (value & ~3) | 1) >>> 0)
      .sort((one, other) => one - other);
    const short = sorted.map((value) => (value & 3) - 1);
    assert.equal(short.filter((value) => value !== 0).length, 286);
    const key = [...unpackNumbers(publicKey, 4591, 761)].map((value) => value - 2295);
    const product = new Array<bigint>(761).fill(0n);
    const add = (at: number, value: bigint) => {
      if (at < 761) product[at] = (product[at] ?? 0n) + value;
      else for (const place of [at - 761, at - 760]) add(place, value);
    };
    for (let one = 0; one < 761; one++)
      for (let other = 0; other < 761; other++)
        add(one + other, BigInt(key[one] ?? 0) * BigInt(short[other] ?? 0));
    const rounded = product.map((value) => {
      const centered = Number(((((value + 2295n) % 4591n) + 4591n) % 4591n) - 2295n);
      return (3 * Math.round(centered / 3) + 2295) / 3;
    });
    assert.deepEqual([...unpackNumbers(ciphertext.subarray(0, 1007), 1531, 761)], rounded);
    assert.equal(sharedKey.length, 32);
  });

  it("takes any bytes for a key, as sshd does, and makes something new of them each time", () => {
    const publicKey = randomBytes(1158);
    const [one, other] = [encapsulateSntrup761(publicKey), encapsulateSntrup761(publicKey)];
    assert.notDeepEqual(one.ciphertext, other.ciphertext);
    assert.notDeepEqual(one.sharedKey, other.sharedKey);
  });
});

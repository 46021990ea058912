import {
  createDiffieHellmanGroup,
  createPublicKey,
  diffieHellman,
  generateKeyPair,
  type KeyObject,
} from "node:crypto";
import { ProtocolError } from "../failures.ts";
import type { KexMethod } from "./method.ts";

/**
 * diffie-hellman-group14/16/18 (RFC 4253 section 8, RFC 8268). Both steps run in the thread pool: 12 ms each for group 18, in which nobody
 * else waits. Groups are named, never given as numbers: OpenSSL would test an unknown prime for seconds.
 */
export function dhGroup(group: "modp14" | "modp16" | "modp18", hash: KexMethod["hash"]): KexMethod {
  const prime = createDiffieHellmanGroup(group).getPrime();
  const p = toBigInt(prime);
  return {
    hash,
    async start() {
      const { publicKey, privateKey } = await generate(group);
      return {
        publicValue: positive(publicValueOf(publicKey)),
        secret: async (peer: Buffer) => {
          if (!isValid(peer, p)) throw new ProtocolError("a Diffie-Hellman value out of range");
          return compute({ privateKey, publicKey: publicKeyOf(prime, peer) });
        },
      };
    },
  };
}

function generate(group: string): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  // Node takes `group`; its type declarations know it under another name.
  const options = { group, groupName: group };
  return new Promise((resolve, reject) => {
    generateKeyPair("dh", options, (error, publicKey, privateKey) => {
      if (error) reject(error);
      else resolve({ publicKey, privateKey });
    });
  });
}

function compute(keys: { privateKey: KeyObject; publicKey: KeyObject }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    diffieHellman(keys, (error, secret) => {
      if (error) reject(error);
      else resolve(secret);
    });
  });
}

/** As OpenSSH's `dh_pub_is_valid`: from 2 to p - 2, with at least four bits set. */
function isValid(mpint: Buffer, p: bigint): boolean {
  if (mpint.length === 0 || (mpint[0] ?? 0) >= 0x80) return false;
  if (mpint.length > 8 + p.toString(16).length / 2) return false;
  const value = toBigInt(mpint);
  return value > 1n && value < p - 1n && value.toString(2).replaceAll("0", "").length >= 4;
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

/** The body of an mpint that is not negative: no needless zeros, one zero where the first bit is set. */
function positive(bytes: Buffer): Buffer {
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  const number = bytes.subarray(zeros);
  return (number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), number]) : number;
}

/* X.509's form of a Diffie-Hellman key (PKCS #3): SEQUENCE { SEQUENCE { OID, SEQUENCE { p, g } }, BIT STRING { INTEGER } }. */

const DH_KEY_AGREEMENT = Buffer.from("06092a864886f70d010301", "hex");

function publicKeyOf(prime: Buffer, mpint: Buffer): KeyObject {
  const parameters = der(0x30, integer(prime), integer(Buffer.of(2)));
  const algorithm = der(0x30, DH_KEY_AGREEMENT, parameters);
  const key = der(0x30, algorithm, der(0x03, Buffer.alloc(1), integer(mpint)));
  return createPublicKey({ key, format: "der", type: "spki" });
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, positive(bytes));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.of(tag, 0x82, body.length >> 8, body.length & 0xff);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  if (body.length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, body.length), body]);
  return Buffer.concat([head, body]);
}

/** The INTEGER at the end of the key's own DER. */
function publicValueOf(key: KeyObject): Buffer {
  const bytes = key.export({ format: "der", type: "spki" });
  let at = elementAt(bytes, 0).body;
  const algorithm = elementAt(bytes, at);
  at = elementAt(bytes, algorithm.end).body + 1; // past the count of unused bits
  const value = elementAt(bytes, at);
  return bytes.subarray(value.body, value.end);
}

function elementAt(bytes: Buffer, at: number): { body: number; end: number } {
  const first = bytes.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const body = at + 2 + lengthBytes;
  return { body, end: body + length };
}

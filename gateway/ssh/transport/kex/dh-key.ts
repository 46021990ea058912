import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";

/** Numbers of finite-field Diffie-Hellman, big-endian, and keys of it in X.509's form (PKCS #3): SEQUENCE { SEQUENCE { OID, SEQUENCE { p, g } }, ... }. */
export interface DhGroup {
  readonly prime: Buffer;
  readonly generator: Buffer;
}

/** As OpenSSH's `dh_pub_is_valid`, of an mpint's body: from 2 to p - 2, with at least four bits set. */
export function isValidPublic(mpint: Buffer, { prime }: DhGroup): boolean {
  if (mpint.length === 0 || (mpint[0] ?? 0) >= 0x80) return false;
  if (mpint.length > 8 + prime.length) return false;
  const value = toBigInt(mpint);
  return value > 1n && value < toBigInt(prime) - 1n && bitsOf(mpint) >= 4;
}

/** The body of an mpint that is not negative: no needless zeros, one zero where the first bit is set. */
export function positive(bytes: Buffer): Buffer {
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  const number = bytes.subarray(zeros);
  return (number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), number]) : number;
}

export function publicKeyOf(group: DhGroup, value: Buffer): KeyObject {
  const bits = der(0x03, Buffer.alloc(1), integer(value));
  return createPublicKey({ key: der(0x30, algorithm(group), bits), format: "der", type: "spki" });
}

/** OpenSSL raises the generator to it at once, in the calling thread. */
export function privateKeyOf(group: DhGroup, exponent: Buffer): KeyObject {
  const key = der(0x30, der(0x02, Buffer.alloc(1)), algorithm(group), der(0x04, integer(exponent)));
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** The INTEGER at the end of the key's own DER. */
export function publicValueOf(key: KeyObject): Buffer {
  const bytes = key.export({ format: "der", type: "spki" });
  let at = elementAt(bytes, 0).body;
  at = elementAt(bytes, elementAt(bytes, at).end).body + 1; // past the count of unused bits
  const value = elementAt(bytes, at);
  return bytes.subarray(value.body, value.end);
}

/** In the thread pool. */
export function raise(publicKey: KeyObject, privateKey: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    diffieHellman({ privateKey, publicKey }, (error, secret) => {
      if (error) reject(error);
      else resolve(secret);
    });
  });
}

function bitsOf(bytes: Buffer): number {
  let count = 0;
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

const DH_KEY_AGREEMENT = Buffer.from("06092a864886f70d010301", "hex");

function algorithm({ prime, generator }: DhGroup): Buffer {
  return der(0x30, DH_KEY_AGREEMENT, der(0x30, integer(prime), integer(generator)));
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

function elementAt(bytes: Buffer, at: number): { body: number; end: number } {
  const first = bytes.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const body = at + 2 + lengthBytes;
  return { body, end: body + length };
}

import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import { Reader } from "../messages/reader.ts";
import { string } from "../messages/writer.ts";
import { asMpint } from "./key-derivation.ts";

/** A private host key, ready to sign. */
export interface HostKey {
  readonly type: "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ssh-rsa";
  /** In wire form (RFC 4253 section 6.6). */
  readonly publicBlob: Buffer;
  readonly privateKey: KeyObject;
}

const MAGIC = Buffer.from("openssh-key-v1\0");

/**
 * Reads an unencrypted key in OpenSSH's own format (PROTOCOL.key), as it lies in /etc/ssh.
 *
 * @throws Error when it is not one, is encrypted, or is of a type that we have no use for. Our own file: not a stranger's.
 */
export function parseHostKey(text: string): HostKey {
  const known = parsed.get(text);
  if (known) return known;
  const key = parse(text);
  parsed.set(text, key);
  return key;
}

/** The personas' keys: a handful for the life of a process, needed anew by each connection. Reading an RSA key takes 1 ms. */
const parsed = new Map<string, HostKey>();

function parse(text: string): HostKey {
  const base64 = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END OPENSSH PRIVATE KEY-----/.exec(
    text,
  )?.[1];
  const bytes = Buffer.from(base64 ?? "", "base64");
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Error("a host key is not in OpenSSH's format");
  const file = new Reader(bytes, MAGIC.length);
  if (file.text() !== "none" || file.text() !== "none") throw new Error("a host key is encrypted");
  file.string(); // options of the key derivation
  if (file.u32() !== 1) throw new Error("a host key file holds not one key");
  const publicBlob = Buffer.from(file.string());
  const secret = new Reader(file.string());
  if (secret.u32() !== secret.u32()) throw new Error("a host key file is damaged");
  const type = secret.text();
  const jwk = readJwk(type, secret);
  if (!jwk || secret.truncated || file.truncated)
    throw new Error("a host key file is damaged or of another type");
  return {
    type: type as string as HostKey["type"],
    publicBlob,
    privateKey: createPrivateKey({ key: jwk, format: "jwk" }),
  };
}

function readJwk(type: string, reader: Reader): Record<string, string> | undefined {
  switch (type) {
    case "ssh-ed25519": {
      const x = reader.string();
      const d = reader.string().subarray(0, 32); // followed by the public key again
      return { kty: "OKP", crv: "Ed25519", x: url(x), d: url(d) };
    }
    case "ecdsa-sha2-nistp256": {
      reader.string(); // the curve's name
      const point = reader.string();
      const d = fixed(reader.string(), 32);
      return {
        kty: "EC",
        crv: "P-256",
        x: url(point.subarray(1, 33)),
        y: url(point.subarray(33)),
        d: url(d),
      };
    }
    case "ssh-rsa": {
      const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () =>
        BigInt(`0x0${reader.string().toString("hex")}`),
      );
      if (n === undefined || e === undefined || d === undefined || qi === undefined) return undefined;
      if (p === undefined || q === undefined || p < 2n || q < 2n) return undefined;
      const numbers = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi };
      return {
        kty: "RSA",
        ...Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, url(unsigned(v))])),
      };
    }
    default:
      return undefined;
  }
}

function url(bytes: Buffer): string {
  return bytes.toString("base64url");
}

function unsigned(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, "hex");
}

/** An mpint's body as exactly `length` bytes. */
function fixed(mpint: Buffer, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const digits = mpint.subarray(Math.max(0, mpint.length - length));
  digits.copy(bytes, length - digits.length);
  return bytes;
}

/** The host key algorithms (RFC 8332, RFC 5656, RFC 8709) that a key can sign with. */
export function algorithmsOf(type: HostKey["type"]): readonly string[] {
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];
}

/** The signature in wire form. RSA is signed in the thread pool (1 ms at 3072 bits). */
export async function signWith({ privateKey }: HostKey, algorithm: string, data: Buffer): Promise<Buffer> {
  return Buffer.concat([string(algorithm), string(await rawSignature(privateKey, algorithm, data))]);
}

const RSA_HASH: Readonly<Record<string, string>> = { "rsa-sha2-512": "sha512", "rsa-sha2-256": "sha256" };

async function rawSignature(key: KeyObject, algorithm: string, data: Buffer): Promise<Buffer> {
  const hash = RSA_HASH[algorithm];
  if (hash === undefined) return shortSignature(key, algorithm, data);
  return new Promise((resolve, reject) => {
    sign(hash, data, key, (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}

/** Those that take a tenth of a millisecond or less. */
function shortSignature(key: KeyObject, algorithm: string, data: Buffer): Buffer {
  if (algorithm === "ssh-ed25519") return sign(null, data, key);
  const signature = sign("sha256", data, { key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([asMpint(signature.subarray(0, 32)), asMpint(signature.subarray(32))]);
}

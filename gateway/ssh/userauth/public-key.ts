/** Public keys in wire form (RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709) and the signatures made with them. */
import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import { Reader } from "../messages/reader.ts";

export interface PublicKey {
  /** What the blob says it is, for example "ssh-rsa". */
  readonly type: string;
  readonly key: KeyObject;
}

/** Of OpenSSH's `RequiredRSASize` the default, and of OpenSSL the greatest modulus it verifies with. */
const RSA_BITS = { least: 1024, most: 16_384 };

interface Curve {
  readonly jwk: string;
  readonly bytes: number;
  readonly hash: string;
}

const CURVES = new Map<string, Curve>([
  ["ecdsa-sha2-nistp256", { jwk: "P-256", bytes: 32, hash: "sha256" }],
  ["ecdsa-sha2-nistp384", { jwk: "P-384", bytes: 48, hash: "sha384" }],
  ["ecdsa-sha2-nistp521", { jwk: "P-521", bytes: 66, hash: "sha512" }],
]);

const RSA_HASHES = new Map([
  ["rsa-sha2-256", "sha256"],
  ["rsa-sha2-512", "sha512"],
]);

/** Not `ssh-rsa`: sshd announces it still, but its PubkeyAcceptedAlgorithms does not hold it (since 8.8). */
const VERIFIABLE = new Set(["ssh-ed25519", ...CURVES.keys(), ...RSA_HASHES.keys()]);

/**
 * The key, if `algorithm` is one we verify and the blob is a key for it. Undefined for security keys (`sk-`), certificates, DSA, and
 * for what is malformed; a stock sshd answers all of these with a plain failure too unless an authorized_keys line names them.
 */
export function parsePublicKey(algorithm: string, blob: Buffer): PublicKey | undefined {
  if (!VERIFIABLE.has(algorithm)) return undefined;
  const reader = new Reader(blob);
  const type = reader.text();
  if (type !== (RSA_HASHES.has(algorithm) ? "ssh-rsa" : algorithm)) return undefined;
  const jwk = readJwk(type, reader);
  if (jwk === undefined || !reader.complete) return undefined;
  try {
    return { type, key: createPublicKey({ key: jwk, format: "jwk" }) };
  } catch {
    return undefined; // A point that is not on its curve: OpenSSL says so by throwing.
  }
}

function readJwk(type: string, reader: Reader): Record<string, string> | undefined {
  if (type === "ssh-ed25519") {
    const x = reader.string();
    return x.length === 32 ? { kty: "OKP", crv: "Ed25519", x: x.toString("base64url") } : undefined;
  }
  if (type === "ssh-rsa") {
    const e = unsigned(reader.string());
    const n = unsigned(reader.string());
    if (e === undefined || n === undefined) return undefined;
    const bits = n.length * 8 - Math.clz32(n[0] ?? 0) + 24;
    if (bits < RSA_BITS.least || bits > RSA_BITS.most || e.length === 0) return undefined;
    return { kty: "RSA", e: e.toString("base64url"), n: n.toString("base64url") };
  }
  const curve = CURVES.get(type);
  if (curve === undefined || `ecdsa-sha2-${reader.text()}` !== type) return undefined;
  const point = reader.string();
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== 4) return undefined;
  return {
    kty: "EC",
    crv: curve.jwk,
    x: point.subarray(1, 1 + curve.bytes).toString("base64url"),
    y: point.subarray(1 + curve.bytes).toString("base64url"),
  };
}

/** An mpint (RFC 4251 section 5) without its leading zeros; undefined if it is negative. */
function unsigned(mpint: Buffer): Buffer | undefined {
  if ((mpint[0] ?? 0) >= 0x80) return undefined;
  let zeros = 0;
  while (mpint[zeros] === 0) zeros++;
  return mpint.subarray(zeros);
}

/** Whether `signature` (wire form) over `data` was made with the key and the very algorithm that was announced. Never throws. */
export function verifySignature(
  { type, key }: PublicKey,
  algorithm: string,
  data: Buffer,
  signature: Buffer,
): boolean {
  const reader = new Reader(signature);
  const name = reader.text();
  const bytes = reader.string();
  if (!reader.complete || name !== algorithm) return false;
  try {
    if (type === "ssh-ed25519") return bytes.length === 64 && verify(null, data, key, bytes);
    if (type === "ssh-rsa") return verifyRsa(key, algorithm, data, bytes);
    return verifyEcdsa(key, algorithm, data, bytes);
  } catch {
    return false; // OpenSSL throws for parameters it refuses to compute with; such a signature proves nothing.
  }
}

function verifyRsa(key: KeyObject, algorithm: string, data: Buffer, bytes: Buffer): boolean {
  const hash = RSA_HASHES.get(algorithm);
  const length = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  if (hash === undefined || bytes.length === 0 || bytes.length > length) return false;
  // As OpenSSH does: some clients drop leading zeros.
  const padded = Buffer.concat([Buffer.alloc(length - bytes.length), bytes]);
  return verify(hash, data, key, padded);
}

function verifyEcdsa(key: KeyObject, algorithm: string, data: Buffer, bytes: Buffer): boolean {
  const curve = CURVES.get(algorithm);
  const reader = new Reader(bytes);
  const r = unsigned(reader.string());
  const s = unsigned(reader.string());
  if (curve === undefined || r === undefined || s === undefined || !reader.complete) return false;
  if (r.length > curve.bytes || s.length > curve.bytes) return false;
  const fixed = Buffer.alloc(2 * curve.bytes);
  r.copy(fixed, curve.bytes - r.length);
  s.copy(fixed, 2 * curve.bytes - s.length);
  return verify(curve.hash, data, { key, dsaEncoding: "ieee-p1363" }, fixed);
}

/** As `ssh-keygen -l` shows them: `SHA256:` and base64 without padding; MD5 as pairs with colons, without its prefix. */
export function fingerprints(blob: Buffer): { readonly md5: string; readonly sha256: string } {
  const md5 = createHash("md5").update(blob).digest("hex");
  const sha256 = createHash("sha256").update(blob).digest("base64").replaceAll("=", "");
  return { md5: md5.replace(/..(?!$)/g, "$&:"), sha256: `SHA256:${sha256}` };
}

/** As sshd logs a key that let somebody in: `ED25519 SHA256:...`. */
export function loggedName(blob: Buffer): string {
  const type = new Reader(blob).text();
  const kind = type === "ssh-rsa" ? "RSA" : type === "ssh-ed25519" ? "ED25519" : "ECDSA";
  return `${kind} ${fingerprints(blob).sha256}`;
}

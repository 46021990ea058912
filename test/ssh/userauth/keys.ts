import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { string } from "../../../gateway/ssh/messages/writer.ts";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";

export interface TestKey {
  readonly blob: Buffer;
  readonly privateKey: KeyObject;
  /** A signature in wire form. */
  sign(algorithm: string, data: Buffer): Buffer;
}

export function ed25519(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return {
    blob: Buffer.concat([string("ssh-ed25519"), string(raw)]),
    privateKey,
    sign: (algorithm, data) => Buffer.concat([string(algorithm), string(sign(null, data, privateKey))]),
  };
}

export function rsa(modulusLength: number): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength });
  const { e, n } = publicKey.export({ format: "jwk" });
  return {
    blob: Buffer.concat([string("ssh-rsa"), mpint(e ?? ""), mpint(n ?? "")]),
    privateKey,
    sign: (algorithm, data) => {
      const hash = algorithm === "rsa-sha2-512" ? "sha512" : algorithm === "rsa-sha2-256" ? "sha256" : "sha1";
      return Buffer.concat([string(algorithm), string(sign(hash, data, privateKey))]);
    },
  };
}

export function ecdsa(bits: 256 | 384 | 521): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: `P-${bits}` });
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([
    Buffer.of(4),
    Buffer.from(x ?? "", "base64url"),
    Buffer.from(y ?? "", "base64url"),
  ]);
  const hash = { 256: "sha256", 384: "sha384", 521: "sha512" }[bits];
  return {
    blob: Buffer.concat([string(`ecdsa-sha2-nistp${bits}`), string(`nistp${bits}`), string(point)]),
    privateKey,
    sign: (algorithm, data) => {
      const fixed = sign(hash, data, { key: privateKey, dsaEncoding: "ieee-p1363" });
      const half = fixed.length / 2;
      const both = [fixed.subarray(0, half), fixed.subarray(half)].map((part) =>
        mpint(part.toString("base64url")),
      );
      return Buffer.concat([string(algorithm), string(Buffer.concat(both))]);
    },
  };
}

function mpint(base64url: string): Buffer {
  let bytes = Buffer.from(base64url, "base64url");
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1);
  return string((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** The public half as a persona's file has it; the private one is not needed to be recognised. */
export function asHostKeyFile(key: TestKey): HostKeyFile {
  return {
    type: "ssh-ed25519",
    privateKey: "",
    publicKey: `ssh-ed25519 ${key.blob.toString("base64")} host`,
  };
}

import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";

export interface MadeKey extends HostKeyFile {
  readonly path: string;
}

/** A new key pair without a passphrase, in files named `name` in that folder. */
export function makeKey(folder: string, name: string, kind: "ed25519" | "ecdsa" | "rsa"): MadeKey {
  const path = join(folder, name);
  const size = { ed25519: [], ecdsa: ["-b", "256"], rsa: ["-b", "2048"] }[kind];
  execFileSync("ssh-keygen", ["-q", "-t", kind, ...size, "-N", "", "-C", "test", "-f", path]);
  const type = { ed25519: "ssh-ed25519", ecdsa: "ecdsa-sha2-nistp256", rsa: "ssh-rsa" } as const;
  return {
    path,
    type: type[kind],
    privateKey: readFileSync(path, "utf8"),
    publicKey: readFileSync(`${path}.pub`, "utf8"),
  };
}

/** Read by a parser that is not ours. */
export function privateKeyOf(file: HostKeyFile): KeyObject {
  const parsed = ssh2.utils.parseKey(file.privateKey);
  if (parsed instanceof Error) throw parsed;
  const [key] = [parsed].flat();
  if (key === undefined) throw new Error("ssh-keygen made no key");
  return createPrivateKey(key.getPrivatePEM());
}

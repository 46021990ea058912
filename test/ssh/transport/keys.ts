import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";

const TYPES = {
  "ssh-ed25519": ["-t", "ed25519"],
  "ecdsa-sha2-nistp256": ["-t", "ecdsa", "-b", "256"],
  "ssh-rsa": ["-t", "rsa", "-b", "2048"],
} as const;

/** One key of each type, made by ssh-keygen as on a real host. */
export function makeHostKeys(): readonly HostKeyFile[] {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-keys-"));
  try {
    return Object.entries(TYPES).map(([type, options]) => {
      const path = join(folder, type);
      execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "test", "-f", path, ...options]);
      return {
        type: type as HostKeyFile["type"],
        privateKey: readFileSync(path, "utf8"),
        publicKey: readFileSync(`${path}.pub`, "utf8"),
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const HOST_KEYS = makeHostKeys();

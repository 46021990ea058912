import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { HostKeyFile } from "../../model/persona.ts";

/** What `ssh-keygen -A` makes on Debian 12, in its order. */
const KINDS = [
  { type: "ssh-rsa", name: "ssh_host_rsa_key", kind: "rsa", bits: 3072 },
  { type: "ecdsa-sha2-nistp256", name: "ssh_host_ecdsa_key", kind: "ecdsa", bits: 256 },
  { type: "ssh-ed25519", name: "ssh_host_ed25519_key", kind: "ed25519", bits: 256 },
] as const satisfies readonly { type: HostKeyFile["type"]; name: string; kind: string; bits: number }[];

/** Their lengths, by type. */
export const KIND_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  KINDS.map(({ type, bits }) => [type, bits]),
);

/**
 * A persona's host keys, kept in `folder` (normally `data/keys/<persona>`, mode 0700) and made there the first time
 * (about 0.3 s). A server's keys stay when its name changes, so `hostname` counts only then.
 */
export async function makeHostKeys(folder: string, hostname: string): Promise<readonly HostKeyFile[]> {
  return (await read(folder)) ?? (await make(folder, hostname));
}

async function read(folder: string): Promise<HostKeyFile[] | undefined> {
  try {
    return await Promise.all(
      KINDS.map(async ({ type, name }) => ({
        type,
        privateKey: await readFile(join(folder, name), "utf8"),
        publicKey: await readFile(join(folder, `${name}.pub`), "utf8"),
      })),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** All or nothing: they are made aside and the whole folder is renamed, so a crash leaves no half set. */
async function make(folder: string, hostname: string): Promise<HostKeyFile[]> {
  await mkdir(join(folder, ".."), { recursive: true, mode: 0o700 });
  const aside = await mkdtemp(`${folder}.new-`);
  try {
    for (const kind of KINDS) {
      const file = join(aside, kind.name);
      await promisify(execFile)("ssh-keygen", [
        "-q",
        "-N",
        "",
        "-C",
        `root@${hostname}`,
        "-f",
        file,
        ...["-t", kind.kind, "-b", String(kind.bits)],
      ]);
    }
    // What an interrupted deletion left would be in the way of the rename.
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  const made = await read(folder);
  if (made === undefined) throw new Error(`ssh-keygen made no keys in ${folder}`);
  return made;
}

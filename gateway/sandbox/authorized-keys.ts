import { posix } from "node:path";
import type { Account } from "./accounts.ts";
import type { Archive } from "./archive.ts";
import { EngineRefused } from "./docker.ts";

/** What sshd looks into by default, in its order. */
const FILES = [".ssh/authorized_keys", ".ssh/authorized_keys2"];
const MOST_BYTES = 64 * 1024;
const MOST_LINKS = 16;

/**
 * The user's authorized_keys files, one after the other, as sshd of the sandbox would read them: undefined when it would
 * read none. Links are followed inside the container only. What StrictModes forbids is left out (auth.c, safe_path of misc.c):
 * the file and every folder up to the home belong to root or the user and nobody else may write to them.
 */
export async function readAuthorizedKeys(archive: Archive, account: Account): Promise<Buffer | undefined> {
  try {
    return await readAll(archive, account);
  } catch (error) {
    // Links in a circle, names over the limit, a home that is a socket: sshd would not find its way either.
    if (error instanceof EngineRefused) return undefined;
    throw error;
  }
}

async function readAll(archive: Archive, account: Account): Promise<Buffer | undefined> {
  const found = await Promise.all(
    FILES.map((file) => readOne(archive, account, posix.join(account.home, file))),
  );
  const parts = found.filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  return Buffer.concat(parts.flatMap((part) => [part, Buffer.from("\n")]));
}

async function readOne(archive: Archive, account: Account, path: string): Promise<Buffer | undefined> {
  const [real, home] = await Promise.all([realPath(archive, path), realPath(archive, account.home)]);
  if (real === undefined) return undefined;
  const [file, ...owners] = await Promise.all([
    archive.read(real, MOST_BYTES),
    ...foldersUpTo(real, home).map((folder) => archive.owner(folder)),
  ]);
  if (!file) return undefined;
  return [file.entry, ...owners].every((entry) => entry !== undefined && isSafe(entry, account))
    ? file.content
    : undefined;
}

function isSafe({ uid, mode }: { uid: number; mode: number }, account: Account): boolean {
  return (uid === 0 || uid === account.uid) && (mode & 0o022) === 0;
}

/** From the file's folder up to the home, or to the root when the file lies elsewhere. */
function foldersUpTo(file: string, home: string | undefined): string[] {
  const folders: string[] = [];
  for (let folder = posix.dirname(file); ; folder = posix.dirname(folder)) {
    folders.push(folder);
    if (folder === home || folder === "/") return folders;
  }
}

/** Without any link in it; undefined when it leads nowhere or in circles. */
async function realPath(archive: Archive, path: string): Promise<string | undefined> {
  let links = 0;
  let names = posix.normalize(`/${path}`).split("/").filter(Boolean);
  let real = "/";
  while (names.length > 0) {
    const [name = "", ...rest] = names;
    const next = posix.join(real, name);
    const stat = await archive.stat(next);
    if (!stat) return undefined;
    if (stat.type !== "link") {
      real = next;
      names = rest;
      continue;
    }
    if (++links > MOST_LINKS || stat.linkTarget === next) return undefined;
    // The engine resolved it to the end, within the container; its path may still go over links that came since.
    names = [...posix.normalize(`/${stat.linkTarget}`).split("/").filter(Boolean), ...rest];
    real = "/";
  }
  return real;
}

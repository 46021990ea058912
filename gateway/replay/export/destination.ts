import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { escapeText } from "../../model/bytes.ts";
import { MitsubakoError } from "../../model/errors.ts";
import type { NamedPieces, Pieces } from "./export-options.ts";

/** Pieces are gathered into writes of this size: a keystroke's line is some forty bytes. */
const GATHERED = 64 * 1024;

/** Writes all pieces to standard output, no faster than they are taken from it. */
export async function writeOut(pieces: Pieces, stdout: Writable, signal: AbortSignal): Promise<number> {
  let total = 0;
  for await (const piece of gathered(pieces)) {
    if (signal.aborted || stdout.destroyed) break;
    total += piece.length;
    if (!stdout.write(piece)) await once(stdout, "drain", { signal }).catch(() => undefined);
  }
  return total;
}

/**
 * Writes all pieces into a new file. What was there stays: an export never replaces anything. When the pieces fail, or are stopped,
 * or there are none, no file is left.
 */
export async function writeFile(pieces: Pieces, path: string, signal: AbortSignal): Promise<number> {
  const file = await newFile(path);
  let total = 0;
  try {
    for await (const piece of gathered(pieces)) total += await append(file, piece, path);
    await file.close();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  if (signal.aborted || total === 0) await rm(path, { force: true });
  return total;
}

/** Writes each piece into the file of its name, in a folder made by `newFolder`. */
export async function writeFiles(pieces: NamedPieces, folder: string): Promise<void> {
  const files = new Map<string, FileHandle>();
  const held = new Map<string, Buffer[]>();
  const sizes = new Map<string, number>();
  const flush = async (name: string) => {
    const path = join(folder, name);
    let file = files.get(name);
    if (file === undefined) files.set(name, (file = await newFile(path)));
    await append(file, Buffer.concat(held.get(name) ?? []), path);
    held.delete(name);
    sizes.delete(name);
  };
  try {
    for await (const [name, piece] of pieces) {
      const bytes = Buffer.from(piece);
      const gathered = held.get(name);
      if (gathered === undefined) held.set(name, [bytes]);
      else gathered.push(bytes);
      const size = (sizes.get(name) ?? 0) + bytes.length;
      sizes.set(name, size);
      if (size >= GATHERED) await flush(name);
    }
    for (const name of [...held.keys()]) await flush(name);
  } finally {
    await Promise.all([...files.values()].map((file) => file.close()));
  }
}

/** A folder that holds nothing of anybody's: new, for its owner alone. */
export async function newFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    throw refused(error, path, "folder");
  }
}

/** One that `newFolder` made. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    throw refused(error, path, "file");
  }
}

async function append(file: FileHandle, bytes: Buffer, path: string): Promise<number> {
  try {
    await file.appendFile(bytes);
  } catch (error) {
    throw noRoom(error, path);
  }
  return bytes.length;
}

/** As it is, unless the disk is full. */
export function noRoom(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new MitsubakoError("disk-full", `There is no room left for ${escapeText(path)}.`, {
        remedy: "Make room on that disk, or write to another with -o.",
        cause: error,
      })
    : error;
}

function refused(error: unknown, path: string, what: "file" | "folder"): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EEXIST":
      return new MitsubakoError("bad-usage", `${escapeText(path)} is there already.`, {
        remedy: `An export replaces nothing: name a ${what} with -o that is not there yet.`,
        cause: error,
      });
    case "ENOENT":
    case "ENOTDIR":
      return new MitsubakoError(
        "bad-usage",
        `The folder in which ${escapeText(path)} is to be is not there.`,
        {
          remedy: "Make it first, or name another with -o.",
          cause: error,
        },
      );
    default:
      return noRoom(error, path);
  }
}

async function* gathered(pieces: Pieces): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    if (piece.length === 0) continue;
    // A copy: what is given out may be a view of the reader's.
    const bytes = Buffer.from(piece);
    parts.push(bytes);
    size += bytes.length;
    if (size < GATHERED) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts);
}

import { opendirSync, type BigIntStats } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteString } from "../model/bytes.ts";
import { below, joined, lstatOf, type Layers } from "./layers.ts";

/** Something in the upper layer, beside what the image has in its place. */
export interface Found {
  readonly path: ByteString;
  /** Undefined: it was deleted. */
  readonly now: BigIntStats | undefined;
  /** What the image has there, and in which of its layers. */
  readonly before: { readonly stat: BigIntStats; readonly layer: string } | undefined;
}

/**
 * Everything in a container's upper layer, folders before what is in them. The engine's own list of changes is not used: it compares
 * the whole tree (about 1 s, with the sandbox frozen, against 2 ms for this), knows file names only as text, and misses a
 * file whose time was set back. No link is followed: a folder is entered only when `lstat` says folder, and no process of the
 * sandbox may run meanwhile. `unreachable` is told of paths over the kernel's 4,096 bytes, which cannot be looked at.
 */
export async function* walkUpper(
  layers: Layers,
  unreachable: () => void = () => undefined,
): AsyncGenerator<Found> {
  // A list, not recursion: an attacker nests folders as deep as they like.
  const folders: Folder[] = [{ path: "/" as ByteString, lowers: layers.lowers }];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (folder.path.length + layers.upper.length > LONGEST_PATH) {
      unreachable();
      continue;
    }
    const { lowers } = folder;
    const names = new Set<ByteString>();
    for (const path of namesIn(layers.upper, folder.path)) {
      names.add(path);
      // A folder with a hundred thousand files must not hold up everybody else for more than some 3 ms.
      if (names.size % BATCH === 0) await nextTurn();
      const stat = lstatOf(layers.upper, path);
      if (!stat) continue;
      const before = inImage(path, lowers);
      if (!isWhiteout(stat)) yield { path, now: stat, before };
      else if (before) yield { path, now: undefined, before };
      if (stat.isDirectory()) folders.push({ path, lowers: foldersOf(path, lowers) });
    }
    // What was in a folder that was removed and made again is hidden without a word of its own.
    if (layers.merged !== undefined) yield* hidden(layers.merged, folder, names);
  }
}

interface Folder {
  readonly path: ByteString;
  /** Those layers of the image that have it as a folder, uppermost first. */
  readonly lowers: readonly string[];
}

const BATCH = 64;
/** PATH_MAX, less a name of 255 bytes and two separators. */
const LONGEST_PATH = 4096 - 258;

function* hidden(
  merged: string,
  { path: folder, lowers }: Folder,
  names: ReadonlySet<ByteString>,
): Generator<Found> {
  for (const layer of lowers) {
    for (const path of namesIn(layer, folder)) {
      if (names.has(path)) continue;
      // One that shines through tells that the folder hides nothing.
      if (lstatOf(merged, path)) return;
      const before = inImage(path, lowers);
      if (before) yield { path, now: undefined, before };
    }
  }
}

/** In batches, because there may be any number of names. */
function* namesIn(root: string, folder: ByteString): Generator<ByteString> {
  // The types do not know that names can be bytes.
  const encoding = "buffer" as BufferEncoding;
  const listing = opendirSync(below(root, folder), { encoding, bufferSize: BATCH });
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync())
      yield joined(folder, entry.name as unknown as Buffer);
  } finally {
    listing.closeSync();
  }
}

function inImage(path: ByteString, lowers: readonly string[]): Found["before"] {
  for (const layer of lowers) {
    const stat = lstatOf(layer, path);
    if (stat) return isWhiteout(stat) ? undefined : { stat, layer };
  }
  return undefined;
}

function foldersOf(path: ByteString, lowers: readonly string[]): readonly string[] {
  const folders: string[] = [];
  for (const layer of lowers) {
    const stat = lstatOf(layer, path);
    if (!stat) continue;
    if (!stat.isDirectory()) break;
    folders.push(layer);
  }
  return folders;
}

/** overlayfs marks a deletion by a character device 0:0. */
function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

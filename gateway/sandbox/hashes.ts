import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { open } from "node:fs/promises";
import type { ByteString } from "../model/bytes.ts";
import { below } from "./layers.ts";

/** Larger files are not read only to see whether they changed: they count as changed. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * SHA-256 of files that one sandbox's captures have seen, so that a source that comes and goes does not cost its whole disk each
 * time. Inode and time of change (which nobody inside can set) say whether a file is still the same.
 */
export class Hashes {
  readonly #known = new Map<string, { readonly sha256: string; readonly kept: boolean }>();

  get(root: string, stat: BigIntStats): string | undefined {
    return this.#known.get(keyOf(root, stat))?.sha256;
  }

  put(root: string, stat: BigIntStats, sha256: string): void {
    const key = keyOf(root, stat);
    this.#known.set(key, { sha256, kept: this.#known.get(key)?.kept ?? false });
  }

  /** The hash of a file of the upper layer whose content is an artifact already. */
  kept(path: ByteString, stat: BigIntStats): string | undefined {
    const known = this.#known.get(keyOf(path, stat));
    return known?.kept === true ? known.sha256 : undefined;
  }

  remember(path: ByteString, stat: BigIntStats, sha256: string): void {
    this.#known.set(keyOf(path, stat), { sha256, kept: true });
  }
}

function keyOf(place: string, { dev, ino, size, ctimeNs }: BigIntStats): string {
  return `${dev.toString()} ${ino.toString()} ${size.toString()} ${ctimeNs.toString()} ${place}`;
}

/** Undefined when it cannot be read, or is too large to be read for a comparison. */
export async function hashOf(
  hashes: Hashes,
  root: string,
  path: ByteString,
  stat: BigIntStats,
): Promise<string | undefined> {
  const place = `${root}:${path}`;
  const known = hashes.get(place, stat);
  if (known !== undefined) return known;
  if (stat.size > MOST_BYTES) return undefined;
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(below(root, path), flags);
    const opened = await file.stat({ bigint: true });
    if (!opened.isFile() || opened.ino !== stat.ino) return undefined;
    const hash = createHash("sha256");
    for await (const part of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>)
      hash.update(part);
    const sha256 = hash.digest("hex");
    hashes.put(place, stat, sha256);
    return sha256;
  } catch {
    return undefined;
  }
}

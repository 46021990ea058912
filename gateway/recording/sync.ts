import { constants, lstatSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isMissing } from "../model/missing.ts";

const EVERY_MS = 1000;
/**
 * Most files synced at once: each holds a thread of libuv's pool (4) for as long as the disk takes. With many busy recordings
 * each is synced less often than every second instead.
 */
const MOST_AT_ONCE = 2;

/**
 * Brings living recordings to the disk, each second, while they grow. A crash of a front loses nothing without this (what was
 * flushed is the kernel's); it bounds what a power cut takes. It stands apart from the writer because Node's permission model,
 * under which fronts run, allows neither fsync nor fdatasync to them (measured on 26.10.0).
 *
 * @param live the folder whose subfolders hold the recordings, one for each front.
 * @param onError told of each file or folder that could not be synced; the others go on.
 */
export async function keepSynced(
  live: string,
  signal: AbortSignal,
  onError: (error: unknown, path: string) => void,
  onSynced?: (path: string) => void,
): Promise<void> {
  let synced = new Map<string, number>();
  while (!signal.aborted) {
    const sizes = sizesBelow(live, onError);
    const grown = [...sizes].filter(([path, size]) => synced.get(path) !== size).map(([path]) => path);
    const next = grown.values();
    await Promise.all(
      Array.from({ length: MOST_AT_ONCE }, async () => {
        for (const path of next) {
          try {
            await syncFile(path);
            onSynced?.(path);
          } catch (error) {
            // Handed over in the meantime: whoever moves a recording syncs it.
            if (!isMissing(error)) onError(error, path);
          }
        }
      }),
    );
    synced = sizes;
    await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/**
 * fdatasync(2) of one file. Where it lies belongs to a front, which is not trusted: neither links nor devices nor pipes are opened for it.
 * Rejects as open(2) and fdatasync(2) fail.
 */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) await file.datasync();
}

function sizesBelow(live: string, onError: (error: unknown, path: string) => void): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const folder of names(live, onError)) {
    for (const name of names(join(live, folder), onError)) {
      const path = join(live, folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isFile()) sizes.set(path, stat.size);
    }
  }
  return sizes;
}

function names(folder: string, onError: (error: unknown, path: string) => void): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isMissing(error)) onError(error, folder);
    return [];
  }
}

import { chownSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { recordings } from "./find-recording.ts";
import { INDEX_FILE } from "./schema.ts";
import { IndexStore, removeIndex } from "./store.ts";
import { takeIn } from "./take-in.ts";

export interface Rebuilt {
  readonly sessions: number;
  readonly captures: number;
  /** Recordings or captures that could not be read, with why. */
  readonly problems: readonly string[];
}

const NEW = "index-new.sqlite";

/**
 * Makes the index anew from recordings and captures, as the archivist would have it, and puts it in the place of the old one.
 * No gateway may be working on the data folder. Sessions still in `live/` are left to its next start.
 *
 * @param progress called after each recording with how many were read.
 */
export async function rebuildIndex(
  dataFolder: string,
  progress: (sessions: number) => void = () => undefined,
): Promise<Rebuilt> {
  removeIndex(dataFolder, NEW);
  const problems: string[] = [];
  let sessions = 0;
  let captures = 0;
  {
    using index = IndexStore.open(dataFolder, NEW);
    for (const recording of recordings(dataFolder)) {
      if (recording.live) continue;
      try {
        captures += await takeIn(index, dataFolder, recording);
        progress(++sessions);
      } catch (error) {
        problems.push(`${recording.path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    index.awaits([]);
  }
  removeIndex(dataFolder);
  renameSync(join(dataFolder, NEW), join(dataFolder, INDEX_FILE));
  // Root may have made it; it belongs to whom the events belong, or the next start could not write in it.
  const owner = statSync(join(dataFolder, "events"), { throwIfNoEntry: false });
  if (owner !== undefined && process.getuid?.() === 0)
    chownSync(join(dataFolder, INDEX_FILE), owner.uid, owner.gid);
  return { sessions, captures, problems };
}

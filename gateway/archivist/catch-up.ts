import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CAPTURE_FILE, recordings } from "../index/find-recording.ts";
import type { IndexStore } from "../index/store.ts";
import type { SessionId } from "../model/ids.ts";

/** What a data folder holds that was not worked through when the last archivist ended. */
export interface Backlog {
  /** Recordings that are not in the index, with their folders. */
  readonly sessions: readonly Waiting[];
  /** Sessions that are in the index, with a capture that is not. */
  readonly captures: readonly Waiting[];
  /** Sessions whose recordings still stand in `live/`. */
  readonly live: readonly { readonly session: SessionId; readonly path: string }[];
  /** Milliseconds since 1970: no event of any of them was written before. */
  readonly since: number;
}

export interface Waiting {
  readonly session: SessionId;
  /** `recordings/<date>/<session>` */
  readonly folder: string;
}

export function findBacklog(dataFolder: string, index: IndexStore): Backlog {
  const archived = index.archived();
  const sessions: Waiting[] = [];
  const captures: Waiting[] = [];
  const live: { session: SessionId; path: string }[] = [];
  let since = Date.now();
  for (const { session, path, live: isLive } of recordings(dataFolder)) {
    const folder = dirname(path);
    if (isLive) live.push({ session, path });
    else if (!archived.sessions.has(session)) sessions.push({ session, folder });
    else if (!archived.captures.has(session) && hasCapture(dataFolder, folder))
      captures.push({ session, folder });
    else continue;
    const born = statSync(join(dataFolder, path), { throwIfNoEntry: false })?.birthtimeMs;
    // A file system without birth times says 0, which reads all event files: slower, and right.
    since = Math.min(since, born ?? since);
  }
  return { sessions, captures, live, since };
}

function hasCapture(dataFolder: string, folder: string): boolean {
  return readdirSync(join(dataFolder, folder)).includes(CAPTURE_FILE);
}

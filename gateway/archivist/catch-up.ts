import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { recordings } from "../index/find-recording.ts";
import type { IndexStore } from "../index/store.ts";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { lateParts } from "./late.ts";

/** What a data folder holds that was not worked through when the last archivist ended. */
export interface Backlog {
  /** Recordings that are not in the index, with their folders. */
  readonly sessions: readonly Waiting[];
  /** Sessions that are in the index, with something beside their recordings that is not. */
  readonly late: readonly Waiting[];
  /** Sessions whose recordings still stand in `live/`. */
  readonly live: readonly { readonly session: SessionId; readonly path: string }[];
  /** Sessions that are in the index, and whose folders are not there. */
  readonly gone: readonly SessionId[];
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
  const taken = { capture: archived.captures, network: archived.network };
  const sessions: Waiting[] = [];
  const late: Waiting[] = [];
  const live: { session: SessionId; path: string }[] = [];
  const gone = new Set(archived.sessions);
  let since = Date.now();
  for (const { session, path, live: isLive } of recordings(dataFolder)) {
    const folder = dirname(path);
    gone.delete(session);
    if (isLive) live.push({ session, path });
    else if (!archived.sessions.has(session)) sessions.push({ session, folder });
    else if (lateParts(session, dataFolder, folder).some(({ kind, id }) => !taken[kind].has(id)))
      late.push({ session, folder });
    else continue;
    // A file system without birth times says 0, which reads all event files: slower, and right. Of a finished session the file may
    // be younger than its events, since sealing makes it anew; it began on that day at the earliest.
    const born = isLive
      ? statSync(join(dataFolder, path), { throwIfNoEntry: false })?.birthtimeMs
      : Date.parse(basename(dirname(folder)));
    since = Math.min(since, born ?? since);
  }
  return { sessions, late, live, gone: [...gone].filter((id) => isSessionId(id)), since };
}

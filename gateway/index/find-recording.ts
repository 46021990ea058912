import { existsSync, readdirSync, type Dirent } from "node:fs";
import { join } from "node:path";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { RECORDING_FILE, TAKEN_FOLDER } from "../model/recording-file.ts";
import { isMissing } from "../model/missing.ts";

/** A recording in a data folder. */
export interface FoundRecording {
  readonly session: SessionId;
  /** Of the recording's file, relative to the data folder. */
  readonly path: string;
  /** It stands in `live/`: its session lives, or its gateway died. */
  readonly live: boolean;
}

/** Every recording of a data folder, live ones last. Needs no index. */
export function* recordings(dataFolder: string): Generator<FoundRecording, void, undefined> {
  for (const day of names(join(dataFolder, "recordings"), "folder")) {
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) continue;
    for (const session of names(join(dataFolder, "recordings", day), "folder"))
      if (isSessionId(session))
        yield { session, path: join("recordings", day, session, RECORDING_FILE), live: false };
  }
  yield* liveRecordings(dataFolder);
}

/** Those of them that stand in `live/`. */
export function* liveRecordings(dataFolder: string): Generator<FoundRecording, void, undefined> {
  for (const front of names(join(dataFolder, "live"), "folder")) {
    // Others keep what grows there, too, and need not let us look.
    if (!/^\d+$/.test(front)) continue;
    for (const file of names(join(dataFolder, "live", front), "file")) {
      const session = file.slice(0, -4);
      if (file.endsWith(".mbr") && isSessionId(session))
        yield { session, path: join("live", front, file), live: true };
    }
  }
  // Its gateway died in the middle of taking it over. A folder that others may not enter is about to be one of the first kind.
  for (const session of names(join(dataFolder, TAKEN_FOLDER), "folder")) {
    const path = join(TAKEN_FOLDER, session, RECORDING_FILE);
    if (isSessionId(session) && existsSync(join(dataFolder, path))) yield { session, path, live: true };
  }
}

/**
 * The recordings whose session id begins with these characters, most recent first; one that was moved while this looked is there once.
 * A whole id finds at most one.
 */
export function findRecordings(dataFolder: string, idOrPrefix: string): FoundRecording[] {
  const found = new Map<SessionId, FoundRecording>();
  if (!/^[0-9a-f]{1,12}$/.test(idOrPrefix)) return [];
  for (const one of recordings(dataFolder))
    if (one.session.startsWith(idOrPrefix) && !found.has(one.session)) found.set(one.session, one);
  return [...found.values()].reverse();
}

/** The one recording that an id or the beginning of one names. Undefined: none, or several. */
export function findRecording(dataFolder: string, idOrPrefix: string): FoundRecording | undefined {
  const found = findRecordings(dataFolder, idOrPrefix);
  return found.length === 1 ? found[0] : undefined;
}

function names(folder: string, what: "folder" | "file"): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return entries
    .filter((entry) => (what === "folder" ? entry.isDirectory() : entry.isFile()))
    .map((entry) => entry.name)
    .sort();
}

import {
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isSessionId, type SessionId } from "../model/ids.ts";
import {
  LONGEST_LATE_FACT,
  MOST_LATE_BYTES,
  MOST_LATE_FACTS,
  NETWORK_FILE,
  OPEN_NETWORK_FOLDER,
  openNetworkFile,
  type LateFact,
} from "../model/late-files.ts";
import { isMissing } from "../model/missing.ts";

const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

/**
 * What sandboxes do when nobody is in them, each session's in a file of its own that grows in `live/network/` and is moved beside
 * the recording when it is whole. A line leaves in one write, so that whoever kills this process leaves whole lines.
 */
export class UnattendedFacts {
  readonly #data: string;
  readonly #readers: number;
  readonly #files = new Map<SessionId, Map<LateFact["fact"]["kind"], Kept>>();

  /** @param readers the group that may read them. */
  constructor(data: string, readers: number) {
    this.#data = data;
    this.#readers = readers;
  }

  /**
   * @param folder of the session's recording, relative to the data folder, which need not be there yet.
   * @returns false when the bounds leave no room for it.
   */
  append(session: SessionId, folder: string, late: LateFact): boolean {
    const line = Buffer.from(`${JSON.stringify(late)}\n`);
    const file = this.#files.get(session) ?? new Map<LateFact["fact"]["kind"], Kept>();
    const { lines, bytes } = file.get(late.fact.kind) ?? { lines: 0, bytes: 0 };
    if (lines >= MOST_LATE_FACTS || bytes + line.length > MOST_LATE_BYTES) return false;
    if (line.length > LONGEST_LATE_FACT) return false;
    const path = join(this.#data, openNetworkFile(dayOf(folder), session));
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, APPEND, 0o640);
    try {
      const { size } = fstatSync(fd);
      if (size === 0) {
        fchownSync(fd, 0, this.#readers);
        fchmodSync(fd, 0o640);
      }
      if (writeSync(fd, line) !== line.length) {
        // A disk that has no room for all of it: the next line must not begin within this one.
        ftruncateSync(fd, size);
        throw new Error("there was no room for a whole line");
      }
    } finally {
      closeSync(fd);
    }
    this.#files.set(session, file.set(late.fact.kind, { lines: lines + 1, bytes: bytes + line.length }));
    return true;
  }

  /** Moves what there is beside the session's recording, where it is never changed again. False: there is none. */
  close(session: SessionId, folder: string): boolean {
    if (!this.#files.delete(session)) return false;
    this.#move(openNetworkFile(dayOf(folder), session), folder);
    return true;
  }

  /** The folders of the recordings beside which files of an earlier life belong: all of these are whole. */
  leftovers(): { readonly session: SessionId; readonly folder: string }[] {
    let names: string[];
    try {
      names = readdirSync(join(this.#data, OPEN_NETWORK_FOLDER));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    return names.flatMap((name) => {
      const [, day, session] = /^(\d{4}-\d\d-\d\d)\.([0-9a-f]{12})\.jsonl$/.exec(name) ?? [];
      if (day === undefined || !isSessionId(session)) return [];
      return [{ session, folder: join("recordings", day, session) }];
    });
  }

  /** As `close`, for one of the leftovers. */
  closeLeftover(session: SessionId, folder: string): void {
    this.#move(openNetworkFile(dayOf(folder), session), folder);
  }

  /** By a second name, which never takes another file's place, as a rename would. It may be half done by an earlier life. */
  #move(name: string, folder: string): void {
    const from = join(this.#data, name);
    const to = join(this.#data, folder, NETWORK_FILE);
    // An earlier life may have had other readers.
    chownSync(from, 0, this.#readers);
    try {
      linkSync(from, to);
    } catch (error) {
      if (statSync(from).ino !== statSync(to, { throwIfNoEntry: false })?.ino) throw error;
    }
    rmSync(from);
  }
}

interface Kept {
  readonly lines: number;
  readonly bytes: number;
}

/** `recordings/<date>/<session>` */
function dayOf(folder: string): string {
  return basename(dirname(folder));
}

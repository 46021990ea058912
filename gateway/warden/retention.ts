import { lstat, mkdir, readdir, rename, rm, rmdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { isSessionId, type SessionId } from "../model/ids.ts";
import type { RemovalReason } from "../model/ledger.ts";
import type { Policy } from "../model/policy.ts";
import { TAKEN_FOLDER } from "../model/recording-file.ts";
import { isMissing } from "../model/missing.ts";

export interface RetentionOptions {
  readonly data: string;
  /** In force. */
  readonly policy: () => Policy["retention"];
  /** It goes on, or a sandbox that it was in does: something may still come to lie beside its recording. */
  readonly isNeeded: (session: SessionId) => boolean;
  /** Writes down that it goes, before it does. */
  readonly removing: (session: SessionId, reason: RemovalReason) => Promise<void>;
  readonly removed: (session: SessionId) => void;
  readonly log: Logger;
  /** Milliseconds since 1970, and free bytes of a folder's disk; for tests. */
  readonly now?: () => number;
  readonly freeIn?: (folder: string) => Promise<number>;
}

/** Days and weeks are meant; five minutes are soon enough. */
const LOOK_EVERY = 5 * 60_000;
const DAY = 86_400_000;
const REMOVED = "removed-";

/** What can be removed by itself: a session with all that lies beside its recording, or a captured file. */
interface Kept {
  /** Milliseconds since 1970. Of a captured file: when it was captured last. */
  readonly time: number;
  /** On the disk. */
  readonly bytes: number;
  readonly session?: SessionId;
  readonly path: string;
}

/** Removes recordings and captured files as the policy wants it, the oldest first. */
export class Retention implements AsyncDisposable {
  readonly #options: RetentionOptions;
  readonly #now: () => number;
  readonly #freeIn: (folder: string) => Promise<number>;
  readonly #timer: NodeJS.Timeout;
  #last: Promise<void>;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#freeIn = options.freeIn ?? freeIn;
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY).unref();
    this.#last = this.#tidy();
    void this.look();
  }

  /** Now, and not only when it is time. Resolves when what had to go is gone, or it was logged why not. */
  look(): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        if (!this.#stopped) await this.#look();
      } catch (error) {
        this.#options.log.error({ err: error }, "what the policy's retention wants could not be removed");
      }
    });
    return this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#last;
  }

  /** What a gateway that was killed had begun to remove. */
  async #tidy(): Promise<void> {
    const folder = join(this.#options.data, TAKEN_FOLDER);
    for (const name of await names(folder))
      if (name.startsWith(REMOVED)) await rm(join(folder, name), { recursive: true, force: true });
  }

  async #look(): Promise<void> {
    const { age, size, free } = this.#options.policy();
    if (age !== undefined) await this.#removeOlder(this.#now() - age);
    if (size === undefined && free === undefined) return;
    const all = [...(await this.#sessions()), ...(await this.#artifacts())].sort((a, b) => a.time - b.time);
    let total = all.reduce((sum, { bytes }) => sum + bytes, 0);
    let room = free === undefined ? Infinity : await this.#freeIn(this.#options.data);
    for (const one of all) {
      const reason = total > (size ?? Infinity) ? "size" : room < (free ?? 0) ? "free" : undefined;
      if (reason === undefined || this.#stopped) return;
      if (!(await this.#remove(one, reason))) continue;
      total -= one.bytes;
      room += one.bytes;
    }
  }

  async #removeOlder(than: number): Promise<void> {
    const { data } = this.#options;
    for (const day of await days(data)) {
      if (Date.parse(day) + DAY > than) break;
      for (const session of await sessionsOf(data, day)) {
        if (this.#stopped) return;
        await this.#remove({ time: 0, bytes: 0, session, path: join("recordings", day, session) }, "age");
      }
    }
    for (const artifact of await this.#artifacts())
      if (artifact.time < than) await this.#remove(artifact, "age");
  }

  /** False: it is needed still. */
  async #remove({ session, path }: Kept, reason: RemovalReason): Promise<boolean> {
    const { data, isNeeded, removing, removed, log } = this.#options;
    if (session === undefined) {
      await rm(join(data, path), { force: true });
      return true;
    }
    if (isNeeded(session)) return false;
    await removing(session, reason);
    // Away in one step: a folder that has lost only some of its files would look like damage.
    const going = join(data, TAKEN_FOLDER, `${REMOVED}${session}`);
    await mkdir(join(data, TAKEN_FOLDER), { recursive: true });
    await rename(join(data, path), going);
    removed(session);
    await rm(going, { recursive: true, force: true });
    await rmdir(join(data, path, "..")).catch(() => undefined); // others of that day are left
    log.info({ session, reason }, "a recording was removed, as the policy's retention wants it");
    return true;
  }

  async #sessions(): Promise<Kept[]> {
    const { data } = this.#options;
    const all: Kept[] = [];
    for (const day of await days(data))
      for (const session of await sessionsOf(data, day)) {
        const path = join("recordings", day, session);
        const about = await lstat(join(data, path));
        let bytes = 0;
        for (const name of await names(join(data, path))) bytes += await onDisk(join(data, path, name));
        all.push({ time: Math.max(Date.parse(day), about.birthtimeMs), bytes, session, path });
      }
    return all;
  }

  async #artifacts(): Promise<Kept[]> {
    const { data } = this.#options;
    const all: Kept[] = [];
    for (const name of await names(join(data, "artifacts"))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const path = join("artifacts", name);
      const { mtimeMs, blocks } = await lstat(join(data, path));
      all.push({ time: mtimeMs, bytes: blocks * 512, path });
    }
    return all;
  }
}

async function days(data: string): Promise<string[]> {
  const all = await names(join(data, "recordings"));
  return all.filter((day) => /^\d{4}-\d\d-\d\d$/.test(day)).sort();
}

async function sessionsOf(data: string, day: string): Promise<SessionId[]> {
  const all = await names(join(data, "recordings", day));
  return all.flatMap((name) => (isSessionId(name) ? [name] : []));
}

async function onDisk(path: string): Promise<number> {
  return (await lstat(path)).blocks * 512;
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

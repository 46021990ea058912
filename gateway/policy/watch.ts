/** The policy in force, kept up to date with its file. A bad file never replaces a good policy. */
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { MitsubakoError } from "../model/errors.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { fileChanges, policyChanges } from "./changes.ts";
import type { PolicyChange } from "./changes.ts";
import { loadPlaced } from "./load.ts";
import type { PlacedPolicy } from "./load.ts";
import { PolicyError } from "./problem.ts";
import { foldersToWatch } from "./watched-folders.ts";

export type PolicyUpdate =
  /** The new policy is in force. `changes` is empty when only comments or the form changed. */
  | (PlacedPolicy & { readonly outcome: "changed"; readonly changes: readonly PolicyChange[] })
  /** The file's bytes are those in force, perhaps again. */
  | { readonly outcome: "same"; readonly loaded: LoadedPolicy }
  /** The file was refused; `loaded` stays in force. `error` has the code "policy-invalid" or "policy-unreadable". */
  | { readonly outcome: "refused"; readonly loaded: LoadedPolicy; readonly error: MitsubakoError };

/** Milliseconds. */
const FUTURE = 60_000;

interface WatchOptions {
  /** Told after a save of what is new: a change, a refusal (once for the same reason), "same" when a refused file was put right. Must not throw. */
  readonly onUpdate: (update: PolicyUpdate) => void;
  /** How long the file must stay as it is before it is read, in milliseconds: editors truncate and write in steps. */
  readonly settle?: number;
}

/** A policy that is valid and that the gateway could not take over. */
interface TurnedDown {
  readonly hash: string;
  readonly marks: Marks;
  readonly error: MitsubakoError;
}

/** What changes with each writing to a file, by path; empty where there is none. */
type Marks = ReadonlyMap<string, string>;

export class PolicyWatch implements AsyncDisposable {
  #loaded: LoadedPolicy;
  /** What was read last, or could not be: of what is in force, or of what was refused. */
  #paths: readonly string[];
  #watchers: FSWatcher[] = [];
  /** Which folders they are on. */
  #watched = "";
  #timer: NodeJS.Timeout | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #lastRefusal: string | undefined;
  /** Of what was in the files when they were last taken for new. */
  #marks: Marks = new Map();
  #turnedDown: TurnedDown | undefined;
  #isClosed = false;
  readonly #onUpdate: (update: PolicyUpdate) => void;
  readonly #settle: number;

  private constructor(loaded: LoadedPolicy, { onUpdate, settle = 200 }: WatchOptions) {
    this.#loaded = loaded;
    this.#paths = pathsOf(loaded);
    this.#onUpdate = onUpdate;
    this.#settle = settle;
  }

  /** Throws what watching a folder can throw, with the code "policy-unreadable". */
  static async start(loaded: LoadedPolicy, options: WatchOptions): Promise<PolicyWatch> {
    const policyWatch = new PolicyWatch(loaded, options);
    try {
      await policyWatch.#watchFolders();
    } catch (error) {
      policyWatch.#closeWatchers();
      const reason = error instanceof Error ? error.message : String(error);
      throw new MitsubakoError(
        "policy-unreadable",
        `The folder of ${loaded.path} cannot be watched: ${reason}.`,
        {
          cause: error,
        },
      );
    }
    // What was saved between loading and watching.
    policyWatch.#saved();
    return policyWatch;
  }

  /** The policy in force. */
  get loaded(): LoadedPolicy {
    return this.#loaded;
  }

  /**
   * The gateway could not take over what was read: `loaded` is in force. What it turned down is not tried again before something is
   * saved, or `reload`.
   */
  turnDown(refused: LoadedPolicy, loaded: LoadedPolicy, error: MitsubakoError): void {
    // Something else was read in the meantime; what becomes of that is another answer.
    if (this.#loaded !== refused) return;
    this.#loaded = loaded;
    this.#lastRefusal = error.message;
    this.#turnedDown = { hash: refused.hash, marks: this.#marks, error };
  }

  /** Reads the file now, as on SIGHUP. Calls run one after another; never rejects. Does not call `onUpdate`. */
  async reload(): Promise<PolicyUpdate> {
    return (await this.#readInTurn()).update;
  }

  /** After this nothing is told any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#closeWatchers();
    await this.#queue;
  }

  /** Whether there are others to watch than before. */
  async #watchFolders(): Promise<boolean> {
    const folders = await foldersToWatch(this.#paths);
    const watched = JSON.stringify([...folders]);
    if (this.#isClosed || watched === this.#watched) return false;
    this.#closeWatchers();
    for (const folder of folders.keys()) {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#saved();
      });
      // The folder was removed or the kernel's queue overflowed: SIGHUP still works.
      watcher.on("error", () => {
        watcher.close();
      });
      this.#watchers.push(watcher);
    }
    this.#watched = watched;
    return true;
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    this.#watched = "";
  }

  /** Something happened in the folder. Each event starts the wait again. */
  #saved(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#readWhenSettled();
    }, this.#settle);
    this.#timer.unref();
  }

  async #readWhenSettled(): Promise<void> {
    if (await this.#changedWithin(this.#settle)) {
      this.#saved();
      return;
    }
    const { update, isNews } = await this.#readInTurn(this.#settle);
    if (isNews && !this.#isClosed) this.#onUpdate(update);
  }

  /** @param still how long the file must have been as it is, in milliseconds; else it is left for the next time. */
  #readInTurn(still = 0): Promise<{ update: PolicyUpdate; isNews: boolean }> {
    const reading = this.#queue.then(async () => {
      const update = await this.#read(still);
      if (update === undefined) {
        this.#saved();
        return { update: { outcome: "same", loaded: this.#loaded } as const, isNews: false };
      }
      const refusal = update.outcome === "refused" ? update.error.message : undefined;
      const isNews = update.outcome === "changed" || refusal !== this.#lastRefusal;
      this.#lastRefusal = refusal;
      await this.#watchAgain();
      return { update, isNews };
    });
    this.#queue = reading;
    return reading;
  }

  /** What was saved between reading and watching is read again. Where a folder cannot be watched SIGHUP still works. */
  async #watchAgain(): Promise<void> {
    if (this.#isClosed) return;
    if (await this.#watchFolders().catch(() => false)) this.#saved();
  }

  /** Whether one of the files is younger. The time is taken first: however late the answer comes, none is taken for older than it was. */
  async #changedWithin(milliseconds: number): Promise<boolean> {
    const now = Date.now();
    const ages = this.#paths.map(async (path) => now - (await stat(path)).mtimeMs);
    for (const age of await Promise.allSettled(ages)) {
      // A time far in the future is a clock that was set, not a file that is being written. Of one that is gone reading gives the reason.
      if (age.status === "fulfilled" && age.value > -FUTURE && age.value < milliseconds) return true;
    }
    return false;
  }

  /** Undefined: it was written to in the meantime, and what was read may be half of it. */
  async #read(still: number): Promise<PolicyUpdate | undefined> {
    const before = this.#loaded;
    if (still > 0 && (await this.#changedWithin(still))) return undefined;
    const marks = await marksOf(this.#paths);
    const isStill = async () =>
      still === 0 ||
      (isDeepStrictEqual(await marksOf([...marks.keys()]), marks) && !(await this.#changedWithin(still)));
    try {
      const { loaded, document } = await loadPlaced(before.path);
      this.#paths = pathsOf(loaded);
      if (!(await isStill())) return undefined;
      if (loaded.hash === before.hash) return { outcome: "same", loaded: before };
      if (still > 0 && this.#turnedDown?.hash === loaded.hash) {
        const { marks: then, error } = this.#turnedDown;
        if (isDeepStrictEqual(then, marks)) return { outcome: "refused", loaded: before, error };
      }
      this.#loaded = loaded;
      this.#marks = marks;
      const changes = [...policyChanges(before.policy, loaded.policy), ...fileChanges(before, loaded)];
      return { outcome: "changed", loaded, document, changes };
    } catch (error) {
      // Of a file that is not even there nothing else is known than what it was made of.
      if (error instanceof PolicyError && error.files.length > 0) this.#paths = error.files;
      if (!(await isStill())) return undefined;
      const refusal =
        error instanceof MitsubakoError
          ? error
          : new MitsubakoError("internal", "The policy could not be loaded.", { cause: error });
      return { outcome: "refused", loaded: before, error: refusal };
    }
  }
}

function pathsOf({ path, bases, files }: LoadedPolicy): readonly string[] {
  return [path, ...bases, ...files.map((file) => file.path)];
}

async function marksOf(paths: readonly string[]): Promise<Marks> {
  const marks = paths.map(async (path): Promise<[string, string]> => {
    const there = await stat(path, { bigint: true }).catch(() => undefined);
    return [path, there === undefined ? "" : `${there.dev}:${there.ino}:${there.size}:${there.mtimeNs}`];
  });
  return new Map(await Promise.all(marks));
}

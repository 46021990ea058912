/** The policy in force, kept up to date with its file. A bad file never replaces a good policy. */
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { policyChanges } from "./changes.ts";
import type { PolicyChange } from "./changes.ts";
import { loadPolicy } from "./load.ts";

export type PolicyUpdate =
  /** The new policy is in force. `changes` is empty when only comments or the form changed. */
  | { readonly outcome: "changed"; readonly loaded: LoadedPolicy; readonly changes: readonly PolicyChange[] }
  /** The file's bytes are those in force, perhaps again. */
  | { readonly outcome: "same"; readonly loaded: LoadedPolicy }
  /** The file was refused; `loaded` stays in force. `error` has the code "policy-invalid" or "policy-unreadable". */
  | { readonly outcome: "refused"; readonly loaded: LoadedPolicy; readonly error: MitsubakoError };

interface WatchOptions {
  /** Told after a save of what is new: a change, a refusal (once for the same reason), "same" when a refused file was put right. Must not throw. */
  readonly onUpdate: (update: PolicyUpdate) => void;
  /** How long the file must stay as it is before it is read, in milliseconds: editors truncate and write in steps. */
  readonly settle?: number;
}

export class PolicyWatch implements AsyncDisposable {
  #loaded: LoadedPolicy;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #lastRefusal: string | undefined;
  #isClosed = false;
  readonly #onUpdate: (update: PolicyUpdate) => void;
  readonly #settle: number;

  private constructor(loaded: LoadedPolicy, { onUpdate, settle = 200 }: WatchOptions) {
    this.#loaded = loaded;
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

  /** Reads the file now, as on SIGHUP. Calls run one after another; never rejects. Does not call `onUpdate`. */
  reload(): Promise<PolicyUpdate> {
    const update = this.#queue.then(() => this.#read());
    this.#queue = update;
    return update;
  }

  /** After this nothing is told any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#closeWatchers();
    await this.#queue;
  }

  /**
   * Editors replace a file by renaming, which a watch on the file itself would lose. Where a path is a link, its target's folder counts
   * too, and so do those of the files that it extends.
   */
  async #watchFolders(): Promise<void> {
    const folders = new Set<string>();
    for (const path of this.#paths) folders.add(dirname(path)).add(dirname(await realpath(path)));
    this.#closeWatchers();
    for (const folder of folders) {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#saved();
      });
      // The folder was removed or the kernel's queue overflowed: SIGHUP still works.
      watcher.on("error", () => {
        watcher.close();
      });
      this.#watchers.push(watcher);
    }
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
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
    const update = await this.reload();
    if (this.#isClosed) return;
    const refusal = update.outcome === "refused" ? update.error.message : undefined;
    const isNews = update.outcome === "changed" || refusal !== this.#lastRefusal;
    this.#lastRefusal = refusal;
    if (isNews) this.#onUpdate(update);
  }

  get #paths(): readonly string[] {
    return [this.#loaded.path, ...this.#loaded.bases];
  }

  async #changedWithin(milliseconds: number): Promise<boolean> {
    const ages = this.#paths.map(async (path) => Date.now() - (await stat(path)).mtimeMs);
    for (const age of await Promise.allSettled(ages)) {
      // A time in the future is a clock that was set, not a file that is being written. Of one that is gone reading gives the reason.
      if (age.status === "fulfilled" && age.value >= 0 && age.value < milliseconds) return true;
    }
    return false;
  }

  async #read(): Promise<PolicyUpdate> {
    const before = this.#loaded;
    try {
      const loaded = await loadPolicy(before.path);
      if (loaded.hash === before.hash) return { outcome: "same", loaded: before };
      this.#loaded = loaded;
      if (!this.#isClosed && loaded.bases.join("\0") !== before.bases.join("\0")) {
        // A folder that cannot be watched: SIGHUP still works.
        await this.#watchFolders().catch(() => undefined);
      }
      return { outcome: "changed", loaded, changes: policyChanges(before.policy, loaded.policy) };
    } catch (error) {
      const refusal =
        error instanceof MitsubakoError
          ? error
          : new MitsubakoError("internal", "The policy could not be loaded.", { cause: error });
      return { outcome: "refused", loaded: before, error: refusal };
    }
  }
}

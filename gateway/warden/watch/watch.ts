import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import { escapeText } from "../../model/bytes.ts";
import type { AskedProcess, FoundProcess, FromWatcher, ToWatcher } from "../../model/watcher-messages.ts";
import { onceEnded } from "../child-end.ts";
import { PerSecond } from "../per-second.ts";
import { loaderCommand, loaderMark } from "./image.ts";
import { parseWatcherMessage } from "./messages.ts";
import { Questions } from "./questions.ts";
import { startTap, type TapKit } from "./tap.ts";

export type WatchedFacts = Extract<FromWatcher, { kind: "facts" }>;
export type WatchedProgram = Extract<FromWatcher, { kind: "unnamed" }>;

export interface WatchOptions {
  readonly kit: TapKit;
  /** The loader's user. */
  readonly uid: number;
  /** Starts the watcher, with its standard input open. */
  readonly spawn: () => Promise<ChildProcess>;
  /** What the sandboxes' root is on the machine. */
  readonly root: number;
  readonly onFacts: (facts: WatchedFacts) => void;
  readonly onUnnamed: (program: WatchedProgram) => void;
  readonly log: Logger;
}

/** What died is started again after this many milliseconds; until then nothing is seen. */
const RESTART_PAUSE = 1000;
const READY_DEADLINE = 30_000;
/** Milliseconds for an answer. */
const ANSWER_DEADLINE = 1000;
/** Messages a second. The watcher bounds itself below, so more is a captured one that wants us busy. */
const MOST_MESSAGES = 1000;
const MOST_PROBLEMS = 10;
/** Envelopes that break the contract before it is taken for captured and ended. */
const MOST_BAD_MESSAGES = 8;

/** The warden's end of what watches processes: keeps the loader and the watcher running, the two as one. */
export class Watch implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #namespaces = new Set<number>();
  readonly #questions = new Questions(ANSWER_DEADLINE);
  #child: ChildProcess | undefined;
  #tap: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #restarting: NodeJS.Timeout | undefined;

  private constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Resolves when it sees. @throws Error when it does not at first; it is not tried again then. */
  static async start(options: WatchOptions): Promise<Watch> {
    const watch = new Watch(options);
    try {
      await watch.#launch();
      return watch;
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The watcher's. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get tapPid(): number | undefined {
    return this.#tap?.pid;
  }

  /** From now on what happens in that process namespace is told. */
  add(namespace: number): void {
    this.#namespaces.add(namespace);
    this.#tap?.stdin?.write(loaderCommand(true, namespace));
  }

  remove(namespace: number): void {
    if (!this.#namespaces.delete(namespace)) return;
    this.#tap?.stdin?.write(loaderCommand(false, namespace));
    this.#say({ kind: "leave", namespace });
  }

  /**
   * Whose these processes are, in their order; by then all is told that happened in that namespace before the question.
   * Undefined: there was no answer within a second.
   */
  ask(namespace: number, processes: readonly AskedProcess[]): Promise<readonly FoundProcess[] | undefined> {
    const loader = this.#tap?.stdin;
    return this.#questions.ask((number) => {
      if (loader?.writable !== true || this.#child?.connected !== true) return false;
      this.#say({ kind: "ask", number, namespace, processes });
      loader.write(loaderMark(namespace, number));
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restarting);
    this.#child?.kill("SIGKILL");
    this.#tap?.kill("SIGKILL");
    await this.#running;
  }

  async #launch(): Promise<void> {
    const { spawn, kit, uid, root } = this.#options;
    const child = await spawn();
    const ended = onceEnded(child);
    child.stdin?.on("error", () => undefined); // it is gone, which is told below
    let tap: ChildProcess;
    try {
      if (child.stdin === null) throw new Error("the watcher has no standard input");
      const ready = this.#listen(child, ended);
      ready.catch(() => undefined); // told below, unless the loader failed before
      if (child.connected) child.send({ kind: "configure", root } satisfies ToWatcher, () => undefined);
      await ready;
      tap = await startTap(kit, uid, child.stdin);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    this.#child = child;
    this.#tap = tap;
    // One without the other is of no use.
    const tapEnded = onceEnded(tap);
    this.#running = Promise.race([ended, tapEnded]).then(async () => {
      child.kill("SIGKILL");
      tap.kill("SIGKILL");
      await Promise.all([ended, tapEnded]);
      this.#child = this.#tap = undefined;
      this.#questions.abandon();
      if (this.#stopped) return;
      this.#options.log.error(
        { watcher: child.signalCode ?? child.exitCode, loader: tap.signalCode ?? tap.exitCode },
        "what watches the sandboxes' processes died; starting it again",
      );
      this.#restart();
    });
    for (const namespace of this.#namespaces) tap.stdin?.write(loaderCommand(true, namespace));
    if (this.#stopped) child.kill("SIGKILL");
  }

  #say(message: ToWatcher): void {
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  /** Hears what it says; resolves when it says that it is ready. */
  #listen(child: ChildProcess, ended: Promise<void>): Promise<void> {
    const { log } = this.#options;
    const messages = new PerSecond(MOST_MESSAGES);
    const problems = new PerSecond(MOST_PROBLEMS);
    let badMessages = 0;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error("the watcher was not ready in time"));
      }, READY_DEADLINE);
      void ended.then(() => {
        clearTimeout(deadline);
        reject(new Error("the watcher ended before it was ready"));
      });
      child.on("message", (raw) => {
        if (!messages.take()) return;
        const message = parseWatcherMessage(raw);
        switch (message?.kind) {
          case undefined:
            log.error("the watcher sent what no watcher of ours sends");
            if (++badMessages >= MOST_BAD_MESSAGES) child.kill("SIGKILL");
            break;
          case "ready":
            clearTimeout(deadline);
            resolve();
            break;
          case "facts":
            if (this.#namespaces.has(message.namespace)) this.#options.onFacts(message);
            break;
          case "unnamed":
            if (this.#namespaces.has(message.namespace)) this.#options.onUnnamed(message);
            break;
          case "answer":
            this.#questions.answered(message.number, message.processes);
            break;
          case "problem":
            if (problems.take()) log.warn({ from: "watcher" }, escapeText(message.message.slice(0, 2000)));
            break;
          default:
            message satisfies never;
        }
      });
    });
  }

  #restart(): void {
    this.#restarting = setTimeout(() => {
      if (this.#stopped) return;
      this.#launch().catch((error: unknown) => {
        if (this.#stopped) return;
        this.#options.log.error({ err: error }, "the sandboxes' processes cannot be watched for now");
        this.#restart();
      });
    }, RESTART_PAUSE);
  }
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { escapeText } from "../model/bytes.ts";
import { onceEnded, tailOf } from "./child-end.ts";
import { birthOf, type WitnessPlaces } from "./file-witness-places.ts";
import { readRecords, type WitnessRecord } from "./file-witness-records.ts";

export interface FileWitnessOptions {
  readonly program: string;
  /** It goes on as this user, without any right. */
  readonly uid: number;
  /** The user whose share of the kernel's fanotify groups it takes, of which it needs three. */
  readonly payer: number;
  /** The sandbox's first process. */
  readonly pid: number;
  readonly places: WitnessPlaces;
  /** Bytes: of one content, and of all. */
  readonly largest: number;
  readonly total: number;
  /** One at a time, in order; what it throws is logged. */
  readonly take: (record: Exclude<WitnessRecord, { kind: "ready" | "marked" }>) => Promise<void> | void;
  readonly log: Logger;
}

const READY_WITHIN = 30_000;
/** Milliseconds for the last look, and for what it finds. */
const STOP_WITHIN = 10_000;
const RESTART_PAUSE = 1000;

/** Sees what one sandbox runs and deletes, by a process of its own; starts that again when it dies. */
export class FileWitness {
  readonly #options: FileWitnessOptions;
  /** Seconds since 1970: what is older is the image's. */
  readonly #began = Math.floor(Date.now() / 1000);
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();
  /** They asked for all that there is by now. */
  #asking: ((isAll: boolean) => void)[] = [];

  private constructor(options: FileWitnessOptions) {
    this.#options = options;
  }

  /** Resolves when it sees. @throws Error when it cannot; then nothing is left of it. */
  static async start(options: FileWitnessOptions): Promise<FileWitness> {
    const witness = new FileWitness(options);
    await witness.#launch();
    return witness;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when all that was done by now is taken; false: it died before, or is dead. */
  settle(): Promise<boolean> {
    const stdin = this.#child?.stdin;
    if (stdin?.writable !== true) return Promise.resolve(false);
    stdin.write("?");
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  /** It takes a last look, tells what it finds and lets go of everything in the sandbox. At most 10 s. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#child?.stdin?.end();
    const late = setTimeout(() => this.#child?.kill("SIGKILL"), STOP_WITHIN);
    // It may be about to be started again.
    for (let running; running !== this.#running;) await (running = this.#running);
    clearTimeout(late);
  }

  async #launch(): Promise<void> {
    const { program, uid, payer, pid, places, largest, total } = this.#options;
    const { folders, hints = "-", born } = places;
    const child = spawn(
      program,
      [...[largest, total, this.#began, uid, payer].map(String), hints, ...folders],
      // A session of its own: a Ctrl-C is for the warden to answer.
      { detached: true, stdio: ["pipe", "pipe", "pipe"], cwd: "/", env: {} },
    );
    child.stdin.on("error", () => undefined); // it is gone, which is told below
    const complaints = tailOf(child.stderr);
    const ended = onceEnded(child);
    const closed = once(child, "close").catch(() => undefined);
    const records = readRecords(child.stdout);
    const late = setTimeout(() => child.kill("SIGKILL"), READY_WITHIN);
    try {
      const first = await records.next();
      // Why it ended is there once all that it said is.
      if (first.done === true) await closed;
      if (first.done === true || first.value.kind !== "ready") throw new Error(complaints() || "it ended");
      // Should its number have become another's meanwhile, that is not ours to watch.
      if (birthOf(pid) !== born) throw new Error("the sandbox has ended");
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    } finally {
      clearTimeout(late);
    }
    this.#child = child;
    this.#running = this.#hear(records, child, ended, complaints);
    if (this.#stop.signal.aborted) child.stdin.end();
  }

  async #hear(
    records: AsyncGenerator<WitnessRecord>,
    child: ChildProcess,
    ended: Promise<unknown>,
    complaints: () => string,
  ): Promise<void> {
    const { take, log } = this.#options;
    try {
      for await (const record of records) {
        if (record.kind === "marked") this.#asking.shift()?.(true);
        else if (record.kind !== "ready") await take(record);
      }
    } catch (error) {
      child.kill("SIGKILL");
      log.error({ err: error }, "what the witness of a sandbox's files told cannot be taken");
    }
    await ended;
    this.#child = undefined;
    for (const resolve of this.#asking.splice(0)) resolve(false);
    if (this.#stop.signal.aborted) return;
    log.error(
      { witness: child.signalCode ?? child.exitCode, said: escapeText(complaints()) },
      "the witness of a sandbox's files died; starting it again",
    );
    await this.#restart();
  }

  async #restart(): Promise<void> {
    const { pid, places, log } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await sleep(RESTART_PAUSE, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (birthOf(pid) !== places.born) return;
        await this.#launch();
        return;
      } catch (error) {
        log.warn({ err: error }, "the witness of a sandbox's files could not be started again");
      }
    }
  }
}

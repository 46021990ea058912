import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import { escapeText } from "../model/bytes.ts";
import type { FromOutpost, OutpostConfiguration, ToOutpost } from "../model/outpost-messages.ts";
import { onceEnded, tailOf } from "./child-end.ts";
import type { NetworkLog } from "./network-log.ts";
import { parseOutpostMessage } from "./outpost-messages.ts";
import { PerSecond } from "./per-second.ts";

export type OutpostFact = Extract<FromOutpost, { kind: "fact" }>;

export interface OutpostOptions {
  readonly spawn: () => Promise<ChildProcess>;
  readonly spawnLog: () => Promise<NetworkLog>;
  readonly configuration: OutpostConfiguration;
  /** At every start, before it is told its configuration: the time to lay its cable. */
  readonly started: (pid: number) => Promise<void>;
  readonly log: Logger;
}

/** A dead outpost is started again after this many milliseconds; until then what would go there is dropped. */
const RESTART_PAUSE = 1000;
const READY_DEADLINE = 30_000;
/** Facts a second. It bounds itself far below, so more is a captured one that wants us busy. */
const MOST_FACTS = 500;
const MOST_PROBLEMS = 10;
/** Envelopes that break the contract before it is taken for captured and ended. */
const MOST_BAD_MESSAGES = 8;

/** The warden's end of the outpost: keeps it and the reader of netfilter's log running, the two as one, and takes its facts. */
export class Outpost implements AsyncDisposable {
  readonly #options: OutpostOptions;
  readonly #callbacks: ((fact: OutpostFact) => void)[] = [];
  #configuration: OutpostConfiguration;
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #restarting: NodeJS.Timeout | undefined;

  constructor(options: OutpostOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Each fact, checked; for the sandbox's address it has to be looked up who that is. */
  onFact(callback: (fact: OutpostFact) => void): void {
    this.#callbacks.push(callback);
  }

  /** Resolves when it listens where it should. One that does not at first is not tried again. */
  async start(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  configure(configuration: OutpostConfiguration): void {
    this.#configuration = configuration;
    if (this.#child) this.#tell(this.#child, configuration);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restarting);
    this.#child?.kill("SIGKILL");
    await this.#running;
  }

  async #launch(): Promise<void> {
    const child = await this.#options.spawn();
    const ended = onceEnded(child);
    const reader = await this.#options.spawnLog().catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
    if (this.#stopped) {
      child.kill("SIGKILL");
      reader.kill("SIGKILL");
    }
    this.#child = child;
    const complaints = tailOf(reader.stderr);
    // One without the other is of no use, and where the next packet begins in a stream that was cut off cannot be known.
    const readerEnded = onceEnded(reader);
    this.#running = Promise.race([ended, readerEnded])
      .then(async () => {
        child.kill("SIGKILL");
        reader.kill("SIGKILL");
        await Promise.all([ended, readerEnded]);
      })
      .then(() => {
        this.#child = undefined;
        if (this.#stopped) return;
        this.#options.log.error(
          {
            outpost: child.signalCode ?? child.exitCode,
            log: reader.signalCode ?? reader.exitCode,
            said: escapeText(complaints()),
          },
          "the outpost died; starting it again",
        );
        this.#restart();
      });
    if (child.stdin) {
      // It is gone, which is told above.
      child.stdin.on("error", () => undefined);
      reader.stdout.pipe(child.stdin);
    }
    const ready = this.#listen(child, ended);
    try {
      // Whoever wants to know what it laid here gets the error below instead.
      ready.catch(() => undefined);
      if (child.pid !== undefined) await this.#options.started(child.pid);
      this.#tell(child, this.#configuration);
      await ready;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  #tell(child: ChildProcess, configuration: OutpostConfiguration): void {
    if (child.connected)
      child.send({ kind: "configure", configuration } satisfies ToOutpost, () => undefined);
  }

  /** Hears what it says; resolves when it says that it is ready. */
  #listen(child: ChildProcess, ended: Promise<void>): Promise<void> {
    const { log } = this.#options;
    const facts = new PerSecond(MOST_FACTS, (lost) => {
      log.warn({ lost }, "the outpost told more than is taken; the rest was dropped");
    });
    const problems = new PerSecond(MOST_PROBLEMS);
    let badMessages = 0;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error("the outpost was not ready in time"));
      }, READY_DEADLINE);
      void ended.then(() => {
        clearTimeout(deadline);
        reject(new Error("the outpost ended before it was ready"));
      });
      child.on("message", (raw) => {
        const message = parseOutpostMessage(raw);
        switch (message?.kind) {
          case undefined:
            log.error("the outpost sent what no outpost of ours sends");
            if (++badMessages >= MOST_BAD_MESSAGES) child.kill("SIGKILL");
            break;
          case "ready":
            clearTimeout(deadline);
            resolve();
            break;
          case "fact":
            if (facts.take()) for (const callback of this.#callbacks) callback(message);
            break;
          case "problem":
            if (problems.take()) log.warn({ from: "outpost" }, escapeText(message.message.slice(0, 2000)));
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
        this.#options.log.error({ err: error }, "the outpost could not be started");
        // One that was spawned tries again by itself when it has ended.
        if (!this.#child) this.#restart();
      });
    }, RESTART_PAUSE);
  }
}

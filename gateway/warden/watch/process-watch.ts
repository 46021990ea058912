import { readlinkSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import type { Endpoint } from "../../model/endpoint.ts";
import { MitsubakoError } from "../../model/errors.ts";
import type { SessionId } from "../../model/ids.ts";
import type { Policy } from "../../model/policy.ts";
import type { StartedSandbox } from "../../sandbox/lifecycle.ts";
import type { AskedProcess, UnnamedProgram } from "../../model/watcher-messages.ts";
import type { Seen } from "../sandbox-facts.ts";
import { tryTap } from "./tap.ts";
import { Watch } from "./watch.ts";

export interface ProcessWatchOptions {
  /** A folder of root alone, for the loader. */
  readonly folder: string;
  /** The loader's user. */
  readonly uid: number;
  /** Starts the watcher. */
  readonly spawn: () => Promise<ChildProcess>;
  /** What a sandbox's root is on the machine. */
  readonly remap: { readonly uid: number };
  readonly policy: () => Policy["evidence"];
  readonly take: (seen: Seen) => void;
  /** A program without a name is being run. */
  readonly unnamed: (program: UnnamedRun) => void;
  readonly log: Logger;
}

export interface UnnamedRun {
  /** The sandbox's address, and its process namespace. */
  readonly sandbox: string;
  readonly namespace: number;
  readonly session: SessionId | undefined;
  readonly program: UnnamedProgram;
}

/** Whose a process is, or was. */
export interface Doer {
  /** Undefined: nobody's who came in. */
  readonly session: SessionId | undefined;
  /** It ran the file that was asked about, as its script. */
  readonly ranFile: boolean;
}

/** Connections of one sandbox of which it is remembered whose they were. */
const MOST_CLIENTS = 1024;

interface Watched {
  readonly address: string;
  readonly namespace: number;
  /** Who came from where, as the sandbox sees it. */
  readonly sessions: Map<string, SessionId>;
}

/** Watches the processes of all sandboxes, where this machine can, and knows whose they are. */
export class ProcessWatch implements AsyncDisposable {
  readonly #options: ProcessWatchOptions;
  readonly #byAddress = new Map<string, Watched>();
  readonly #byNamespace = new Map<number, Watched>();
  #watch: Watch | undefined;

  private constructor(options: ProcessWatchOptions) {
    this.#options = options;
  }

  /**
   * What the policy says at the start holds until the end.
   * @throws MitsubakoError `tool-missing`, `watch-unfit` when the policy requires what this machine cannot do.
   */
  static async open(options: ProcessWatchOptions): Promise<ProcessWatch> {
    const { processes } = options.policy();
    const watch = new ProcessWatch(options);
    if (processes === "off") return watch;
    try {
      await watch.#start();
    } catch (cause) {
      const why = (cause as Error).message;
      if (processes === "required") throw unfit(why, cause);
      options.log.warn(`evidence.processes: what runs in sandboxes is not seen from outside: ${why}`);
    }
    return watch;
  }

  /** The watcher's. */
  get pid(): number | undefined {
    return this.#watch?.pid;
  }

  get tapPid(): number | undefined {
    return this.#watch?.tapPid;
  }

  /** A sandbox runs, nobody is in it. */
  started({ address, pid }: Pick<StartedSandbox, "address" | "pid">): void {
    if (this.#watch === undefined) return;
    const namespace = processNamespace(pid);
    const watched = { address, namespace, sessions: new Map<string, SessionId>() };
    this.#byAddress.set(address, watched);
    this.#byNamespace.set(namespace, watched);
    this.#watch.add(namespace);
  }

  /** Somebody is about to connect to its SSH server. */
  expect(address: string, session: SessionId, client: Endpoint): void {
    const sessions = this.#byAddress.get(address)?.sessions;
    if (sessions === undefined) return;
    sessions.set(nameOf(client), session);
    if (sessions.size > MOST_CLIENTS)
      for (const oldest of sessions.keys()) return void sessions.delete(oldest);
  }

  /**
   * Whose these processes of a sandbox are, undefined where it is not known. By then all that was done there before is taken.
   * Undefined: nobody watches, or there was no answer within a second.
   */
  async ask(
    address: string,
    processes: readonly AskedProcess[],
  ): Promise<readonly (Doer | undefined)[] | undefined> {
    const watched = this.#byAddress.get(address);
    if (watched === undefined) return undefined;
    const found = await this.#watch?.ask(watched.namespace, processes);
    // It could say too few.
    if (found?.length !== processes.length) return undefined;
    return found.map((one) => one && { session: sessionOf(watched, one.client), ranFile: one.ranFile });
  }

  /** Whether all that was done in that sandbox by now is taken; true where nobody watches. */
  async settle(address: string): Promise<boolean> {
    return !this.#byAddress.has(address) || (await this.ask(address, [])) !== undefined;
  }

  /** The sandbox is gone. */
  dismiss(address: string): void {
    const watched = this.#byAddress.get(address);
    if (watched === undefined) return;
    this.#byAddress.delete(address);
    this.#byNamespace.delete(watched.namespace);
    this.#watch?.remove(watched.namespace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    const { folder, uid, spawn, remap, take, unnamed, log } = this.#options;
    this.#watch = await Watch.start({
      kit: await tryTap(folder, uid),
      uid,
      spawn,
      root: remap.uid,
      log,
      onFacts: ({ namespace, client, facts }) => {
        const watched = this.#byNamespace.get(namespace);
        if (watched === undefined) return;
        take({ sandbox: watched.address, session: sessionOf(watched, client), facts });
      },
      onUnnamed: ({ namespace, client, program }) => {
        const watched = this.#byNamespace.get(namespace);
        if (watched === undefined) return;
        const session = sessionOf(watched, client);
        unnamed({ sandbox: watched.address, namespace, session, program });
      },
    });
  }
}

function unfit(why: string, cause: unknown): MitsubakoError {
  return new MitsubakoError("watch-unfit", `What runs in sandboxes cannot be seen from outside: ${why}.`, {
    remedy: "Set evidence.processes to auto, and sandboxes are made without it.",
    cause,
  });
}

function sessionOf({ sessions }: Watched, client: Endpoint | undefined): SessionId | undefined {
  return client === undefined ? undefined : sessions.get(nameOf(client));
}

function nameOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

function processNamespace(pid: number): number {
  return Number(/^pid:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[1] ?? NaN);
}

import type { Endpoint } from "../model/endpoint.ts";
import type { ConnectTarget, ProgramRun } from "../model/process-facts.ts";
import type { AskedProcess, FoundProcess, UnnamedProgram } from "../model/watcher-messages.ts";
import { Allowance } from "./allowance.ts";
import type { Executed, WatchRecord } from "./decode.ts";
import { ProcessMemory } from "./process-memory.ts";
import { isNamed } from "./script-of.ts";
import { SessionFacts } from "./session-facts.ts";

/** The kernel's own bound of process ids is higher; a sandbox has its `limits.processes`. */
const MOST_PROCESSES = 65_536;
/** Sessions with which it begins to look which of them are over. */
const FEW_SESSIONS = 64;
/** Programs without a name that are told of, so that what they are is read. */
const UNNAMED = { burst: 50, perSecond: 1, most: 500 };
/** By descriptor: execveat has the kernel name it the first way. */
const BY_DESCRIPTOR = /^\/(?:dev|proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?)\/fd\/\d+$/;

interface Process {
  /** It was put in by the engine: our own doing. */
  readonly isOurs: boolean;
  readonly session: SessionFacts | undefined;
  /** The process itself that serves the connection, not one below it. */
  readonly isServer: boolean;
  /** It, or one above it, is what the SSH server started for its client. */
  isClients: boolean;
  /** A connection was accepted that the next child will serve. */
  client?: Endpoint | undefined;
  /** What it last ran, if that is told. */
  ran?: { readonly fact: ProgramRun; readonly at: bigint };
  /** The nearest above it that ran a program. */
  readonly under: number;
  hasRun: boolean;
}

type Of<Kind extends WatchRecord["kind"]> = Extract<WatchRecord, { kind: Kind }>;

/**
 * The processes of one sandbox. Those that were there before we looked, its SSH server among them, are no session's; each child that
 * serves an accepted connection begins a session, and all below it are that session's, also when their parents are gone.
 */
export class SandboxProcesses {
  readonly #processes = new Map<number, Process>();
  readonly #sessions = new Set<SessionFacts>();
  #lookAt = FEW_SESSIONS;
  readonly #nobody = new SessionFacts(undefined);
  readonly #memory = new ProcessMemory<SessionFacts | undefined>();
  readonly #unnamed = new Allowance(UNNAMED);
  #unnamedRun: { client: Endpoint | undefined; program: UnnamedProgram }[] = [];
  readonly #root: number;
  readonly #wall: (time: bigint) => number;

  /** @param wall microseconds since 1970 of a time of the kernel's. */
  constructor(root: number, wall: (time: bigint) => number) {
    this.#root = root;
    this.#wall = wall;
    this.#sessions.add(this.#nobody);
  }

  /** How many are known. */
  get sessions(): number {
    return this.#sessions.size;
  }

  take(record: Exclude<WatchRecord, { kind: "lost" | "marked" }>): void {
    switch (record.kind) {
      case "forked":
        this.#forked(record);
        break;
      case "executed":
      case "not-executed":
        this.#executed(record);
        break;
      case "exited":
        this.#exited(record);
        break;
      case "connected":
        this.#connected(record);
        break;
      case "accepted":
        this.#accepted(record);
        break;
      default:
        record satisfies never;
    }
  }

  /** What is to be told, by whose it is. @param all counts too, whose second is not over. */
  *flush(
    time: number,
    all = false,
  ): Iterable<{ client: Endpoint | undefined; facts: ReturnType<SessionFacts["flush"]> }> {
    for (const session of this.#sessions) {
      const facts = session.flush(time, all);
      if (facts.length > 0) yield { client: session.client, facts };
    }
  }

  /** Programs without a name that were run since it was asked last. */
  takeUnnamed(): readonly { client: Endpoint | undefined; program: UnnamedProgram }[] {
    const run = this.#unnamedRun;
    if (run.length > 0) this.#unnamedRun = [];
    return run;
  }

  find({ process, before, file }: AskedProcess): FoundProcess {
    const found = this.#memory.find(process, BigInt(before) * 1000n);
    if (found === undefined) return undefined;
    const { owner, scripts } = found;
    const ranFile = file !== undefined && scripts.some((script) => isNamed(file, script));
    return { client: owner?.client, ranFile };
  }

  #forked({ pid, parent, process, time }: Of<"forked">): void {
    const above = this.#processes.get(parent);
    const client = above?.client;
    if (above !== undefined) above.client = undefined;
    if (this.#processes.size >= MOST_PROCESSES) return;
    const session = client === undefined ? above?.session : this.#open(client);
    this.#memory.began(process, time, session);
    this.#processes.set(pid, {
      // Its parent is not seen inside: the engine put it there.
      isOurs: parent === 0 || above?.isOurs === true,
      session,
      isServer: client !== undefined,
      isClients: above?.isClients ?? false,
      under: above === undefined || above.hasRun ? parent : above.under,
      hasRun: false,
    });
  }

  #executed(record: Executed): void {
    const process = this.#of(record.pid, record.parent);
    if (process.isOurs) return;
    const session = process.session ?? this.#nobody;
    const failed = record.kind === "not-executed";
    // The SSH server gives what it starts for its client a session of the kernel's own (setsid); what else it runs, it does not.
    if (!failed && record.leads && !process.isServer && process.session !== undefined && !process.isClients) {
      process.isClients = true;
      session.begin();
    }
    const fact = this.#runOf(record, process);
    const told = session.run(fact);
    if (failed) return;
    this.#memory.ran(record.process, record.path, record.argv);
    if (BY_DESCRIPTOR.test(record.path) && this.#unnamed.take(fact.time)) {
      const { pid, uid, time } = fact;
      this.#unnamedRun.push({ client: session.client, program: { process: record.process, pid, uid, time } });
    }
    process.hasRun = true;
    if (told === undefined) delete process.ran;
    else process.ran = { fact: told, at: record.time };
  }

  #runOf({ pid, uid, time, path, argv, argvLeftOut, errno }: Executed, process: Process): ProgramRun {
    return {
      kind: "process",
      did: "run",
      time: this.#wall(time),
      pid,
      uid: this.#inside(uid),
      parent: process.under,
      path,
      argv,
      ...(argvLeftOut === 0 ? {} : { argvLeftOut }),
      ...(errno === 0 ? {} : { errno }),
      ...serverOf(process),
    };
  }

  #exited({ pid, process: number, time, code }: Of<"exited">): void {
    this.#memory.ended(number);
    const process = this.#processes.get(pid);
    if (process === undefined) return;
    this.#processes.delete(pid);
    if (process.ran === undefined) return;
    const { fact, at } = process.ran;
    const signal = code & 0x7f;
    const after = Number((time - at) / 1000n);
    const ended = { after, ...(signal === 0 ? { status: (code >> 8) & 0xff } : { signal }) };
    (process.session ?? this.#nobody).end(fact, ended, this.#wall(time));
  }

  #connected({ pid, uid, time, to, errno }: Of<"connected">): void {
    const process = this.#of(pid, 0);
    const { server } = serverOf(process);
    if (process.isOurs || (server === true && !leadsSomewhere(to))) return;
    const session = process.session ?? this.#nobody;
    session.connect({
      kind: "process",
      did: "connect",
      time: this.#wall(time),
      pid,
      uid: this.#inside(uid),
      to,
      ...(errno === 0 ? {} : { errno }),
      ...serverOf(process),
    });
  }

  /** Only of who is no session's: a server that an attacker runs makes no sessions of ours. */
  #accepted({ pid, from }: Of<"accepted">): void {
    const process = this.#of(pid, 0);
    if (!process.isOurs && process.session === undefined) process.client = from;
  }

  #of(pid: number, parent: number): Process {
    const known = this.#processes.get(pid);
    if (known !== undefined) return known;
    const process: Process = {
      isOurs: false,
      session: undefined,
      isServer: false,
      isClients: false,
      under: parent,
      hasRun: true,
    };
    if (this.#processes.size < MOST_PROCESSES) this.#processes.set(pid, process);
    return process;
  }

  #open(client: Endpoint): SessionFacts {
    const session = new SessionFacts(client);
    if (this.#sessions.size >= this.#lookAt) this.#forgetOver();
    this.#sessions.add(session);
    return session;
  }

  /** Sessions without a living process have nothing more to tell; so there are never more of them than processes. */
  #forgetOver(): void {
    const living = new Set([...this.#processes.values()].map(({ session }) => session));
    for (const session of this.#sessions)
      if (session !== this.#nobody && session.isQuiet && !living.has(session)) this.#sessions.delete(session);
    this.#lookAt = Math.max(FEW_SESSIONS, 2 * this.#sessions.size);
  }

  #inside(uid: number): number {
    return Math.max(0, uid - this.#root);
  }
}

/** The SSH server asks for name and log services at each login, and without an address where it is itself. */
function leadsSomewhere(to: ConnectTarget): boolean {
  return "address" in to && to.address !== "::" && to.address !== "0.0.0.0";
}

/** What the SSH server does of its own accord is marked. */
function serverOf({ session, isClients }: Process): { server?: true } {
  return session !== undefined && !isClients ? { server: true } : {};
}

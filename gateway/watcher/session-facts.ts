import { isDeepStrictEqual } from "node:util";
import type { ByteString } from "../model/bytes.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { ConnectAsked, Ended, ProcessFact, ProgramRun } from "../model/process-facts.ts";
import { Allowance } from "./allowance.ts";

/** Of one session; with the end of each run, and the counts, it stays below what the warden takes of one (sandbox-facts.ts). */
export const RUNS = { burst: 1500, perSecond: 5, most: 6000 };
export const CONNECTS = { burst: 500, perSecond: 1, most: 2000 };
/** Bytes of paths and arguments; of what is run beyond them so many bytes are told. */
export const MOST_TEXT = 2 * 1024 * 1024;
export const BRIEF = 256;
/** Seconds of a session in which something was counted; beyond them a count stands for SELDOM seconds. */
const MOST_COUNTS = 600;
const SELDOM = 600;
/** Of the SSH server's own, before somebody is in. */
const MOST_HELD = 64;

/** What came of one connection to a sandbox's SSH server, or of no known one: bounded, whatever is done. */
export class SessionFacts {
  readonly client: Endpoint | undefined;
  /** Not told yet. */
  #waiting: ProcessFact[] = [];
  /** What the server does for a login that has not come to anything yet. */
  #held: ProcessFact[] | undefined;
  readonly #runs = new Allowance(RUNS);
  readonly #connects = new Allowance(CONNECTS);
  #text = 0;
  #counts = 0;
  #more: { second: number; runs: number; connects: number } | undefined;

  constructor(client: Endpoint | undefined) {
    this.client = client;
    this.#held = client === undefined ? undefined : [];
  }

  /** Nothing is left to be told. */
  get isQuiet(): boolean {
    return this.#waiting.length === 0 && this.#more === undefined;
  }

  /** Somebody is in: what the server did before is told too. */
  begin(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#waiting.push(...held);
  }

  /** @returns it as it is, or will be, told; undefined where it is only counted. */
  run(fact: ProgramRun): ProgramRun | undefined {
    if (this.#held !== undefined) return this.#hold(fact) ? fact : undefined;
    if (!this.#runs.take(fact.time)) {
      this.#count(fact.time).runs++;
      return undefined;
    }
    this.#text += textOf(fact);
    const told = this.#text > MOST_TEXT ? briefly(fact) : fact;
    this.#waiting.push(told);
    return told;
  }

  /** Programs ask some addresses over and over; what is the same is told once, with its number. */
  connect(fact: ConnectAsked): void {
    const list = this.#held ?? this.#waiting;
    const last = list.at(-1);
    if (last?.did === "connect" && isSame(last, fact))
      list[list.length - 1] = { ...last, count: (last.count ?? 1) + 1 };
    else if (this.#held !== undefined) this.#hold(fact);
    else if (this.#connects.take(fact.time)) this.#waiting.push(fact);
    else this.#count(fact.time).connects++;
  }

  /** The end of a run that is told; part of it where it was not sent yet. */
  end(run: ProgramRun, ended: Ended, time: number): void {
    const list = this.#held ?? this.#waiting;
    const index = list.lastIndexOf(run);
    if (index !== -1) {
      list[index] = { ...run, ended };
      return;
    }
    // What the server itself ran is of no use by then, and at its own end the session is over.
    if (run.server === true) return;
    const { kind, pid, uid } = run;
    const end: ProcessFact = {
      kind,
      did: "end",
      time,
      pid,
      uid,
      ended,
    };
    this.#waiting.push(end);
  }

  /** What is to be told now. @param time microseconds since 1970. @param all a count too, whose second is not over. */
  flush(time: number, all = false): readonly ProcessFact[] {
    this.#closeCount(all && this.#counts < MOST_COUNTS ? Infinity : Math.floor(time / 1e6));
    const facts = this.#waiting;
    if (facts.length > 0) this.#waiting = [];
    return facts;
  }

  #hold(fact: ProcessFact): boolean {
    if (this.#held === undefined || this.#held.length >= MOST_HELD) return false;
    this.#held.push(fact);
    return true;
  }

  #count(time: number): { runs: number; connects: number } {
    const second = Math.floor(time / 1e6);
    this.#closeCount(second);
    return (this.#more ??= { second, runs: 0, connects: 0 });
  }

  #closeCount(second: number): void {
    const more = this.#more;
    if (more === undefined || second - more.second < (this.#counts < MOST_COUNTS ? 1 : SELDOM)) return;
    this.#more = undefined;
    this.#counts++;
    const { runs, connects } = more;
    this.#waiting.push({ kind: "process", did: "more", time: more.second * 1e6, runs, connects });
  }
}

function isSame(one: ConnectAsked, other: ConnectAsked): boolean {
  return one.pid === other.pid && one.errno === other.errno && isDeepStrictEqual(one.to, other.to);
}

function textOf({ path, argv }: ProgramRun): number {
  return argv.reduce((sum, one) => sum + one.length, path.length);
}

function briefly(fact: ProgramRun): ProgramRun {
  const argv: ByteString[] = [];
  let left = BRIEF;
  for (const one of fact.argv) {
    if (left === 0) break;
    argv.push(one.slice(0, left) as ByteString);
    left -= Math.min(left, one.length);
  }
  const all = fact.argv.reduce((sum, one) => sum + one.length, 0);
  const leftOut = (fact.argvLeftOut ?? 0) + all - argv.reduce((sum, one) => sum + one.length, 0);
  return {
    ...fact,
    path: fact.path.slice(0, BRIEF) as ByteString,
    argv,
    ...(leftOut === 0 ? {} : { argvLeftOut: leftOut }),
  };
}

import { isDeepStrictEqual } from "node:util";
import type { Endpoint } from "../model/endpoint.ts";
import type { ConnectAsked, ProcessFact, ProgramRun } from "../model/process-facts.ts";

/** Facts of one session that are told one by one, and bytes of their texts; what is more is counted by the second. */
export const MOST_FACTS = 4000;
export const MOST_TEXT = 2 * 1024 * 1024;
/** Seconds of a session in which something was counted; beyond them a count stands for SELDOM seconds. */
export const MOST_COUNTS = 600;
export const SELDOM = 60;
/** Of the SSH server's own, before somebody is in. */
const MOST_HELD = 64;

/** What came of one connection to a sandbox's SSH server, or of no known one: bounded, whatever is done. */
export class SessionFacts {
  readonly client: Endpoint | undefined;
  /** Not told yet. */
  #waiting: ProcessFact[] = [];
  /** What the server does for a login that has not come to anything yet. */
  #held: ProcessFact[] | undefined;
  #told = 0;
  #text = 0;
  #counts = 0;
  #more: { second: number; runs: number; connects: number } | undefined;

  constructor(client: Endpoint | undefined) {
    this.client = client;
    this.#held = client === undefined ? undefined : [];
  }

  /** Somebody is in: what the server did before is told too. */
  begin(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#waiting.push(...held);
  }

  /** @returns whether it is, or will be, told by itself. */
  run(fact: ProgramRun): boolean {
    return this.#take(fact, textOf(fact));
  }

  /** Programs ask some addresses over and over; what is the same is told once, with its number. */
  connect(fact: ConnectAsked): void {
    const list = this.#held ?? this.#waiting;
    const last = list.at(-1);
    if (last?.did === "connect" && isSame(last, fact))
      list[list.length - 1] = { ...last, count: (last.count ?? 1) + 1 };
    else this.#take(fact, 0);
  }

  /** The end of a run that was told; part of it where it was not sent yet. */
  end(run: ProgramRun, ended: NonNullable<ProgramRun["ended"]>, time: number): void {
    for (const list of [this.#waiting, this.#held ?? []]) {
      const index = list.lastIndexOf(run);
      if (index === -1) continue;
      list[index] = { ...run, ended };
      return;
    }
    const { kind, pid, uid, server } = run;
    this.#take({ kind, did: "end", time, pid, uid, ...(server === undefined ? {} : { server }), ended }, 0);
  }

  /** What is to be told now. @param time microseconds since 1970. */
  flush(time: number): readonly ProcessFact[] {
    this.#closeCount(Math.floor(time / 1e6));
    const facts = this.#waiting;
    if (facts.length > 0) this.#waiting = [];
    return facts;
  }

  #take(fact: ProcessFact, text: number): boolean {
    if (this.#held !== undefined) {
      if (this.#held.length >= MOST_HELD) return false;
      this.#held.push(fact);
      return true;
    }
    if (this.#told >= MOST_FACTS || this.#text + text > MOST_TEXT) {
      this.#count(fact);
      return false;
    }
    this.#told++;
    this.#text += text;
    this.#waiting.push(fact);
    return true;
  }

  #count({ did, time }: ProcessFact): void {
    const second = Math.floor(time / 1e6);
    this.#closeCount(second);
    this.#more ??= { second, runs: 0, connects: 0 };
    if (did === "run") this.#more.runs++;
    else if (did === "connect") this.#more.connects++;
  }

  #closeCount(second: number): void {
    const more = this.#more;
    if (more === undefined || second - more.second < (this.#counts < MOST_COUNTS ? 1 : SELDOM)) return;
    this.#more = undefined;
    const { runs, connects } = more;
    if (runs + connects === 0) return;
    this.#counts++;
    this.#waiting.push({ kind: "process", did: "more", time: more.second * 1e6, runs, connects });
  }
}

function isSame(one: ConnectAsked, other: ConnectAsked): boolean {
  return one.pid === other.pid && one.errno === other.errno && isDeepStrictEqual(one.to, other.to);
}

function textOf({ path, argv }: ProgramRun): number {
  return argv.reduce((sum, one) => sum + one.length, path.length);
}

import type { Logger } from "pino";
import type { WardenNotice } from "../model/front-messages.ts";
import type { SandboxId, SessionId } from "../model/ids.ts";
import type { LateFact } from "../model/late-files.ts";
import type { NetworkFact } from "../model/network-facts.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";
import { showMicros } from "../model/timestamps.ts";
import type { Pool } from "../sandbox/pool.ts";
import type { LiveSession, LiveSessions } from "./sessions.ts";

/** What was tried, and by whom: netfilter and the outpost know addresses, not sandboxes. */
export interface Tried {
  /** The sandbox's address; undefined where the packet lied about it. */
  readonly sandbox: string | undefined;
  /** Hardware address of the sender, where it is known. */
  readonly mac: string | undefined;
  readonly fact: NetworkFact;
}

/** What processes and files told, of which it is known whose doing it was, or at least where. */
export interface Seen {
  /** The sandbox's address. */
  readonly sandbox: string;
  /** Whose doing it was, where that is known; believed only of one that is, or was, in that sandbox. */
  readonly session?: SessionId | undefined;
  /** In order. */
  readonly facts: readonly SandboxFact[];
}

export interface SandboxFactsOptions {
  readonly pool: Pick<Pool, "occupants">;
  readonly sessions: Pick<LiveSessions, "get">;
  readonly tell: (front: number, notice: WardenNotice) => void;
  /** Keeps it for a session that is over; false: there is no room for more of that session. May throw. */
  readonly keep: (session: SessionId, late: LateFact) => boolean;
  readonly log: Logger;
}

/** Facts of one kind that a front is told of one session: it writes each at once, and must not be slowed by a flood. */
export const MOST_TOLD: Readonly<Record<SandboxFact["kind"], number>> = {
  network: 2000,
  process: 16_000,
  file: 2000,
};

/** Leads what sandboxes do into the recording of who is in there, or beside that of who left. */
export class SandboxFacts {
  readonly #options: SandboxFactsOptions;
  readonly #told = new Map<SessionId, Record<SandboxFact["kind"], number>>();
  /** Sessions of which facts were dropped, with their number. */
  readonly #dropped = new Map<SessionId, number>();

  constructor(options: SandboxFactsOptions) {
    this.#options = options;
  }

  /** What was tried on the network. Never throws: what is lost here is said in the log. */
  take({ sandbox, mac, fact }: Tried): void {
    this.#lead(this.#options.pool.occupants(sandbox, mac), undefined, [fact]);
  }

  /** What else was seen. Never throws, as `take`. */
  seen({ sandbox, session, facts }: Seen): void {
    this.#lead(this.#options.pool.occupants(sandbox, undefined), session, facts);
  }

  /** Nothing more can come of that session. */
  forget(session: SessionId): void {
    const dropped = this.#dropped.get(session);
    if (dropped !== undefined)
      this.#options.log.warn({ session, dropped }, "not all that a sandbox did was kept");
    this.#told.delete(session);
    this.#dropped.delete(session);
  }

  #lead(
    occupants: ReturnType<Pool["occupants"]>,
    named: SessionId | undefined,
    facts: readonly SandboxFact[],
  ): void {
    const { sessions } = this.#options;
    const id = occupants?.sandbox;
    const all = occupants?.sessions ?? [];
    const whose = named !== undefined && all.includes(named) ? [named] : all;
    // Who only tries passwords has done nothing in there; what is tried meanwhile is the doing of who logged in.
    const living = whose.map((one) => sessions.get(one));
    const inside = living.findLast((one) => one !== undefined && (one.isIn || one.id === named));
    const last = whose.findLast((one) => sessions.get(one) === undefined);
    if (inside !== undefined) this.#tell(inside, facts);
    else if (id !== undefined && last !== undefined) for (const fact of facts) this.#keep(last, id, fact);
    // A spare that boots, or a sandbox that was removed while this was on its way.
    else this.#options.log.debug({ facts: facts.length }, "nobody's sandbox did something");
  }

  #tell({ id, front }: LiveSession, facts: readonly SandboxFact[]): void {
    const told = this.#told.get(id) ?? { network: 0, process: 0, file: 0 };
    this.#told.set(id, told);
    const taken = facts.filter(({ kind }) => told[kind]++ < MOST_TOLD[kind]);
    for (let left = taken.length; left < facts.length; left++) this.#drop(id);
    if (taken.length > 0) this.#options.tell(front, { kind: "sandbox-facts", session: id, facts: taken });
  }

  #keep(session: SessionId, sandbox: SandboxId, fact: SandboxFact): void {
    const micros = fact.kind === "network" ? Date.now() * 1000 : fact.time;
    try {
      if (!this.#options.keep(session, { at: showMicros(micros), sandbox, fact })) this.#drop(session);
    } catch (error) {
      // The first of a session only: a full disk has the same to say of each.
      if (!this.#dropped.has(session))
        this.#options.log.error({ err: error, session }, "what a sandbox did could not be kept");
      this.#drop(session);
    }
  }

  #drop(session: SessionId): void {
    const dropped = this.#dropped.get(session) ?? 0;
    if (dropped === 0) this.#options.log.warn({ session }, "a sandbox does more than is kept of one session");
    this.#dropped.set(session, dropped + 1);
  }
}

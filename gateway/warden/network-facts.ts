import type { Logger } from "pino";
import type { WardenNotice } from "../model/front-messages.ts";
import type { SandboxId, SessionId } from "../model/ids.ts";
import type { LateFact } from "../model/late-files.ts";
import type { NetworkFact } from "../model/network-facts.ts";
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

export interface NetworkFactsOptions {
  readonly pool: Pick<Pool, "occupants">;
  readonly sessions: Pick<LiveSessions, "get">;
  readonly tell: (front: number, notice: WardenNotice) => void;
  /** Keeps it for a session that is over; false: there is no room for more of that session. May throw. */
  readonly keep: (session: SessionId, late: LateFact) => boolean;
  readonly log: Logger;
}

/** Facts that a front is told of one session: it writes each at once, and must not be slowed by a flood. */
export const MOST_TOLD = 2000;

/** Leads what sandboxes try on their network into the recording of who is in there, or beside that of who left. */
export class NetworkFacts {
  readonly #options: NetworkFactsOptions;
  readonly #told = new Map<SessionId, number>();
  /** Sessions of which facts were dropped, with their number. */
  readonly #dropped = new Map<SessionId, number>();

  constructor(options: NetworkFactsOptions) {
    this.#options = options;
  }

  /** Never throws: what is lost here is said in the log. */
  take({ sandbox: address, mac, fact }: Tried): void {
    const { pool, sessions } = this.#options;
    const { sandbox: id, sessions: all } = pool.occupants(address, mac) ?? { sessions: [] };
    // Who only tries passwords has done nothing in there; what is tried meanwhile is the doing of who logged in.
    const inside = all.map((one) => sessions.get(one)).findLast((one) => one?.isIn === true);
    const last = all.findLast((one) => sessions.get(one) === undefined);
    if (inside !== undefined) this.#tell(inside, fact);
    else if (id !== undefined && last !== undefined) this.#keep(last, id, fact);
    // A spare that boots, or a sandbox that was removed while this was on its way.
    else
      this.#options.log.debug({ sandbox: address, mac, rule: fact.rule }, "nobody's sandbox tried something");
  }

  /** Nothing more can come of that session. */
  forget(session: SessionId): void {
    const dropped = this.#dropped.get(session);
    if (dropped !== undefined)
      this.#options.log.warn({ session, dropped }, "not all that a sandbox tried on its network was kept");
    this.#told.delete(session);
    this.#dropped.delete(session);
  }

  #tell({ id, front }: LiveSession, fact: NetworkFact): void {
    const told = this.#told.get(id) ?? 0;
    if (told >= MOST_TOLD) {
      this.#drop(id);
      return;
    }
    this.#told.set(id, told + 1);
    this.#options.tell(front, { kind: "network", session: id, fact });
  }

  #keep(session: SessionId, sandbox: SandboxId, fact: NetworkFact): void {
    try {
      const late = { at: showMicros(Date.now() * 1000), sandbox, fact };
      if (!this.#options.keep(session, late)) this.#drop(session);
    } catch (error) {
      // The first of a session only: a full disk has the same to say of each.
      if (!this.#dropped.has(session))
        this.#options.log.error(
          { err: error, session },
          "what a sandbox tried on its network could not be kept",
        );
      this.#drop(session);
    }
  }

  #drop(session: SessionId): void {
    const dropped = this.#dropped.get(session) ?? 0;
    if (dropped === 0)
      this.#options.log.warn({ session }, "a sandbox tries more on its network than is kept of one session");
    this.#dropped.set(session, dropped + 1);
  }
}

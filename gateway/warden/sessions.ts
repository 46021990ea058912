import type { Endpoint } from "../model/endpoint.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { SessionId } from "../model/ids.ts";
import type { WayToSandbox } from "../model/front-messages.ts";
import type { Place } from "./gate.ts";

/** What the warden holds for one session, from admission to the hand-over of its recording. */
export interface LiveSession {
  readonly id: SessionId;
  readonly front: number;
  readonly source: Endpoint;
  readonly startedAt: Date;
  readonly place: Place;
  /** Given back in reverse order when the session ends: one-time key, way, lease. */
  readonly held: AsyncDisposableStack;
  /** Aborted when the session ends, so that nothing that arrives late is kept. */
  readonly over: AbortController;
  /** The way this session was given; it keeps it for all its attempts. */
  way?: WayToSandbox;
  /** Takes the one-time key out of the sandbox again. */
  withdrawKey?: () => Promise<void>;
}

/** The table of live sessions. A front may only speak of its own. */
export class LiveSessions {
  readonly #sessions = new Map<SessionId, LiveSession>();

  get size(): number {
    return this.#sessions.size;
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
  }

  /** The session, if it is that front's. */
  of(front: number, id: SessionId): LiveSession | undefined {
    const session = this.#sessions.get(id);
    return session?.front === front ? session : undefined;
  }

  get(id: SessionId): LiveSession | undefined {
    return this.#sessions.get(id);
  }

  ofFront(front: number): LiveSession[] {
    return [...this.#sessions.values()].filter((session) => session.front === front);
  }

  remove(id: SessionId): void {
    this.#sessions.delete(id);
  }
}

export interface SessionOver {
  readonly session: LiveSession;
  /** Absent when the front died and could not say. */
  readonly reason?: EndReason;
}

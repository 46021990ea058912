import type { Path } from "../firewall/source-address.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { WayToSandbox } from "../model/front-messages.ts";
import type { ByteString } from "../model/bytes.ts";
import type { SessionId } from "../model/ids.ts";
import type { ShownMachine } from "../model/persona.ts";
import type { SessionFacts } from "../model/policy.ts";
import type { Resolved } from "../policy/resolve.ts";
import type { Lease } from "../sandbox/lease.ts";
import type { Place } from "./gate.ts";

export type Admitted = Pick<LiveSession, "id" | "front" | "source" | "listener" | "shown"> & {
  readonly place: Place;
};

/** What the warden holds for one session, from admission to the hand-over of its recording. */
export class LiveSession {
  readonly id: SessionId;
  readonly front: number;
  readonly source: Endpoint;
  readonly listener: Endpoint;
  readonly startedAt = new Date();
  /** What it met when it connected. */
  readonly shown: ShownMachine;
  readonly #place: Place;
  readonly #over = new AbortController();
  #isIn = false;
  #last: Promise<unknown> = Promise.resolve();
  lease: Lease | undefined;
  path: Path | undefined;
  /** The account that the policy let them have is being made. */
  prepared: Promise<unknown> | undefined;
  /** What the front was told of the way; all of the session's attempts go it. */
  way: WayToSandbox | undefined;
  /** Of the last attempt. */
  user: ByteString | undefined;
  /** Remembers that the password judged last was right. */
  letIn: (() => void) | undefined;
  /** The policy by which its front goes. */
  resolved: Resolved | undefined;

  constructor({ id, front, source, listener, shown, place }: Admitted) {
    this.id = id;
    this.front = front;
    this.source = source;
    this.listener = listener;
    this.shown = shown;
    this.#place = place;
  }

  /** What a profile can go by. The time stays that of the connection. */
  get facts(): SessionFacts {
    const known = { address: this.source.address, listener: this.listener, at: this.startedAt.getTime() };
    return this.user === undefined ? known : { ...known, user: this.user };
  }

  /** Aborted when the session is over, so that nothing that arrives late is kept. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Throws, and gives the lease back, when the session ended while it was waited for. */
  async keepLease(lease: Lease): Promise<Lease> {
    if (this.over.aborted) {
      await lease[Symbol.asyncDispose]();
      this.over.throwIfAborted();
    }
    this.lease = lease;
    return lease;
  }

  /** As `keepLease`. */
  async keepPath(path: Path): Promise<void> {
    if (this.over.aborted) {
      await path[Symbol.asyncDispose]();
      this.over.throwIfAborted();
    }
    this.path = path;
  }

  /** One question of a session at a time: a front that asks two at once must not be given two of anything. */
  inTurn<T>(answer: () => Promise<T>): Promise<T> {
    const answered = this.#last.then(answer);
    this.#last = answered.catch(() => undefined);
    return answered;
  }

  loggedIn(): void {
    this.#isIn = true;
    this.#place.loggedIn();
  }

  /** Somebody logged in. */
  get isIn(): boolean {
    return this.#isIn;
  }

  /** The sandbox and the way to it; the session itself may go on and be given others. */
  async giveBackSandbox(): Promise<void> {
    const { lease, path } = this;
    this.lease = this.path = this.way = undefined;
    await path?.[Symbol.asyncDispose]();
    await lease?.[Symbol.asyncDispose]();
  }

  /** All of it. */
  async giveBack(): Promise<void> {
    this.#over.abort();
    this.#place[Symbol.dispose]();
    await this.giveBackSandbox();
  }
}

/** The table of live sessions. A front may only speak of its own. */
export class LiveSessions {
  readonly #sessions = new Map<SessionId, LiveSession>();

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

  all(): LiveSession[] {
    return [...this.#sessions.values()];
  }

  ofFront(front: number): LiveSession[] {
    return this.all().filter((session) => session.front === front);
  }

  /** Whether it was there. */
  remove(id: SessionId): boolean {
    return this.#sessions.delete(id);
  }
}

/**
 * What another policy would have made of recorded sessions. Pure: the same policy and sessions give the same outcome.
 * Strangers are taken to do what they did, in the order in which they did it, until it would have ended.
 */
import { toByteString } from "../../model/bytes.ts";
import type { ByteString } from "../../model/bytes.ts";
import type { Policy } from "../../model/policy.ts";
import { isUserName } from "../../model/user-name.ts";
import { AttemptMemory } from "../attempts.ts";
import { decide } from "../decide.ts";
import { sourceKey } from "../source.ts";
import { LIMITS, nobody, tally } from "./outcome.ts";
import type { Counted, Example, Limit, Outcome } from "./outcome.ts";
import type { RecordedAttempt, RecordedSession } from "./recorded.ts";
import { TriedSandboxes } from "./sandboxes.ts";
import type { TriedSandbox } from "./sandboxes.ts";

/** `progress` is told of whole percents. */
export function replayUnder(
  policy: Policy,
  sessions: readonly RecordedSession[],
  progress: (percent: number) => void = () => undefined,
): Outcome {
  const replay = new Replay(policy);
  const happenings = inOrder(policy, sessions);
  const step = Math.max(1, Math.floor(happenings.length / 100));
  for (const [index, happening] of happenings.entries()) {
    if (index % step === 0) progress(Math.floor((index * 100) / happenings.length));
    replay.take(happening);
  }
  return replay.outcome(sessions);
}

interface Visit {
  readonly session: RecordedSession;
  /** `outside`: not logged in yet. */
  state: "outside" | "inside" | "over";
  isCounted: boolean;
  refusals: number;
  sandbox: TriedSandbox | undefined;
  /** How it was let in, or refused last. */
  last: Example | undefined;
  wasIn: boolean;
}

interface Happening {
  readonly at: number;
  /** What comes first of what happens at the same time. */
  readonly kind: 0 | 1 | 2 | 3;
  readonly visit: Visit;
  readonly attempt?: number;
}

const [BEGINS, TRIES, LOGIN_IS_OVER, ENDS] = [0, 1, 2, 3] as const;

function inOrder({ deadlines }: Policy, sessions: readonly RecordedSession[]): Happening[] {
  const happenings = sessions.flatMap((session) => {
    const visit: Visit = {
      ...{ session, state: "over", isCounted: false, refusals: 0 },
      ...{ sandbox: undefined, last: undefined, wasIn: false },
    };
    const login = session.started + deadlines.login * 1000;
    const end = Math.min(session.ended, session.started + deadlines.session * 1000);
    const tries = session.attempts.map(({ at }, attempt): Happening => ({ at, kind: TRIES, visit, attempt }));
    return [
      { at: session.started, kind: BEGINS, visit },
      ...tries,
      ...(login < session.ended ? [{ at: login, kind: LOGIN_IS_OVER, visit }] : []),
      { at: Math.max(end, session.started), kind: ENDS, visit },
    ];
  });
  // The sort is stable: what is equal stays as the sessions came.
  return happenings.sort((one, other) => one.at - other.at || one.kind - other.kind);
}

class Replay {
  readonly #policy: Policy;
  readonly #sandboxes: TriedSandboxes;
  readonly #memory: AttemptMemory;
  readonly #connections = new Map<string, number>();
  #connected = 0;
  #now = 0;
  #withoutPassword = 0;
  readonly #newlyIn = nobody();
  readonly #newlyOut = nobody();
  readonly #limits = Object.fromEntries(LIMITS.map((limit) => [limit, nobody()])) as Record<Limit, Counted>;
  #wouldBeIn = 0;

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#sandboxes = new TriedSandboxes(policy.sandbox);
    this.#memory = new AttemptMemory(policy.auth.memory, { now: () => this.#now / 1000 });
  }

  take({ at, kind, visit, attempt }: Happening): void {
    this.#now = at;
    switch (kind) {
      case BEGINS:
        this.#begins(visit);
        break;
      case TRIES:
        if (visit.state === "outside") this.#tries(visit, attempt ?? 0);
        break;
      case LOGIN_IS_OVER:
        if (visit.state !== "outside") break;
        this.#hits("deadlines.login", visit);
        this.#leaves(visit);
        break;
      case ENDS:
        this.#ends(visit);
        break;
      default:
        kind satisfies never;
    }
  }

  outcome(sessions: readonly RecordedSession[]): Outcome {
    const { made, peak } = this.#sandboxes.finish();
    const { memory, swap, disk } = this.#policy.sandbox;
    return {
      sessions: sessions.length,
      attempts: sessions.reduce((sum, { attempts }) => sum + attempts.length, 0),
      letIn: { happened: sessions.filter(({ loggedIn }) => loggedIn).length, would: this.#wouldBeIn },
      newlyIn: this.#newlyIn,
      newlyOut: this.#newlyOut,
      limits: this.#limits,
      sandboxes: { made, peak, memory: peak.count * (memory + swap), disk: peak.count * disk },
      withoutPassword: this.#withoutPassword,
    };
  }

  #begins(visit: Visit): void {
    const { address } = visit.session;
    const ofSource = this.#connections.get(address) ?? 0;
    const { connections, connectionsPerSource } = this.#policy.limits;
    if (this.#connected >= connections) this.#hits("limits.connections", visit);
    else if (ofSource >= connectionsPerSource) this.#hits("limits.connectionsPerSource", visit);
    else {
      visit.state = "outside";
      visit.isCounted = true;
      this.#connected++;
      this.#connections.set(address, ofSource + 1);
    }
  }

  #tries(visit: Visit, index: number): void {
    const attempt = visit.session.attempts[index];
    if (attempt === undefined || attempt.method === "none" || attempt.outcome === "key-acceptable") return;
    const rule =
      attempt.method === "publickey" ? this.#tryKey(visit, attempt) : this.#tryPassword(visit, attempt);
    visit.last = { ...this.#example(visit), ...credentialOf(attempt), rule: rule.rule };
    if (rule.sandbox !== undefined) {
      visit.state = "inside";
      visit.wasIn = true;
      visit.sandbox = rule.sandbox;
      rule.sandbox.sessions++;
      this.#wouldBeIn++;
      return;
    }
    visit.refusals++;
    if (rule.isClosed === true) this.#leaves(visit);
    else if (visit.refusals >= this.#policy.auth.maxTries) {
      // Who would have gone away by themselves did not meet it.
      if (index + 1 < visit.session.attempts.length) this.#hits("auth.maxTries", visit);
      this.#leaves(visit);
    }
  }

  /** Only what a sandbox knows lets a key in; whether it knew this one was recorded. */
  #tryKey(visit: Visit, attempt: RecordedAttempt): Tried {
    const sandbox =
      attempt.outcome === "accepted"
        ? this.#sandboxes.living(this.#keyOf(visit, attempt), attempt.at)
        : undefined;
    return sandbox === undefined ? { rule: "method" } : { rule: "sandbox", sandbox };
  }

  #tryPassword(visit: Visit, attempt: RecordedAttempt): Tried {
    const { address } = visit.session;
    const { at, user = NOTHING } = attempt;
    if (attempt.password === undefined) this.#withoutPassword++;
    // What they typed is not known: something that can be let in stands for it.
    const password = attempt.password ?? UNKNOWN;
    const key = this.#keyOf(visit, attempt);
    const earlier = this.#memory.count(sourceKey(this.#policy, address));
    const living = isUserName(user) ? this.#sandboxes.living(key, at) : undefined;
    const known = living?.accounts.get(user);
    if (living !== undefined && known !== undefined) {
      // Where a sandbox decided, it knew: a password may have been changed inside.
      const isRight = attempt.by === "sandbox" ? attempt.outcome === "accepted" : known === password;
      return isRight ? { rule: "sandbox", sandbox: living } : { rule: "sandbox" };
    }
    const { method } = attempt;
    const verdict = decide(this.#policy, { address, user, password, method, earlier });
    if (verdict.outcome === "reject") return { rule: verdict.rule };
    const sandbox = this.#sandboxes.take(key, at);
    if (sandbox === undefined) {
      this.#hits("sandbox.most", visit);
      return { rule: "sandbox.most", isClosed: true };
    }
    sandbox.accounts.set(user, password);
    return { rule: verdict.rule, sandbox };
  }

  #keyOf({ session }: Visit, { user = NOTHING, password = UNKNOWN }: RecordedAttempt): string {
    return this.#policy.sandbox.mode === "fresh"
      ? `session ${session.id}`
      : sourceKey(this.#policy, session.address, { user, password });
  }

  #ends(visit: Visit): void {
    const { session, sandbox } = visit;
    if (visit.state === "inside" && sandbox !== undefined) {
      if ((sandbox.closed ?? sandbox.lifeEnds) < this.#now)
        this.#hits("sandbox.life", visit, Math.min(sandbox.closed ?? Infinity, sandbox.lifeEnds));
      else if (this.#now < session.ended) this.#hits("deadlines.session", visit);
      if (session.bytes > this.#policy.limits.recordingSize) this.#hits("limits.recordingSize", visit);
    }
    this.#leaves(visit);
    if (visit.wasIn && !session.loggedIn) tally(this.#newlyIn, visit.last ?? this.#example(visit));
    if (!visit.wasIn && session.loggedIn) tally(this.#newlyOut, visit.last ?? this.#example(visit));
  }

  /** What it held is given back. Its end is still to come. */
  #leaves(visit: Visit): void {
    if (visit.sandbox !== undefined) this.#sandboxes.leave(visit.sandbox, this.#now);
    visit.sandbox = undefined;
    visit.state = "over";
    if (!visit.isCounted) return;
    visit.isCounted = false;
    const { address } = visit.session;
    this.#connected--;
    const left = (this.#connections.get(address) ?? 1) - 1;
    if (left > 0) this.#connections.set(address, left);
    else this.#connections.delete(address);
  }

  #hits(limit: Limit, visit: Visit, at = this.#now): void {
    tally(this.#limits[limit], { ...this.#example(visit), at });
  }

  #example({ session }: Visit): Example {
    return { session: session.id, source: session.address, at: this.#now };
  }
}

interface Tried {
  readonly rule: string;
  /** Where it was let in. */
  readonly sandbox?: TriedSandbox;
  /** The connection is closed with it. */
  readonly isClosed?: true;
}

const NOTHING = toByteString(Buffer.alloc(0));
const UNKNOWN = toByteString(Buffer.from("(not kept)"));

function credentialOf({ user, password }: RecordedAttempt): { user?: ByteString; password?: ByteString } {
  return { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
}

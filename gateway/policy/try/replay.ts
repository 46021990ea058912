/**
 * What another policy would have made of recorded sessions. Pure: the same policy and sessions give the same outcome.
 * Strangers are taken to do what they did, in the order in which they did it, until it would have ended.
 */
import type { Policy } from "../../model/policy.ts";
import { Agenda } from "./agenda.ts";
import { firstCut, wasCut, type Cut } from "./cuts.ts";
import { Doors } from "./doors.ts";
import { inOrder, type Happening } from "./happenings.ts";
import { LIMITS, type Limit } from "./limits.ts";
import { TriedLogins } from "./logins.ts";
import { nobody, tally } from "./outcome.ts";
import type { Counted, Example, Outcome } from "./outcome.ts";
import { waysUnder } from "./outside.ts";
import { Reach } from "./reach.ts";
import type { RecordedAttempt, RecordedConnect, RecordedSession } from "./recorded.ts";
import { TriedSandboxes } from "./sandboxes.ts";
import { credentialOf, type PolicyOf, type Visit } from "./visit.ts";

export interface ReplayOptions {
  /** What the policy is for a session; for all the same if absent. */
  readonly policyOf?: PolicyOf;
  /** Ranges that are fenced without being named. */
  readonly fences?: readonly string[];
  /** Told of whole percents. */
  readonly progress?: (percent: number) => void;
}

export function replayUnder(
  policy: Policy,
  sessions: readonly RecordedSession[],
  { policyOf = () => ({ policy }), fences = [], progress = () => undefined }: ReplayOptions = {},
): Outcome {
  const replay = new Replay(policy, policyOf, fences);
  const happenings = inOrder(sessions, policyOf);
  const step = Math.max(1, Math.floor(happenings.length / 100));
  for (const [index, happening] of happenings.entries()) {
    if (index % step === 0) progress(Math.floor((index * 100) / happenings.length));
    replay.take(happening);
  }
  return replay.outcome(sessions);
}

class Replay {
  readonly #policyOf: PolicyOf;
  readonly #sandboxes: TriedSandboxes;
  readonly #logins: TriedLogins;
  readonly #doors: Doors;
  readonly #cuts = new Agenda<Cut & { readonly visit: Visit }>();
  readonly #reach = new Reach();
  #now = 0;
  #wouldBeIn = 0;
  #cutThen = 0;
  readonly #capped = new Set<string>();
  readonly #counted = { sessions: 0, atLeast: 0 };
  readonly #newlyIn = nobody();
  readonly #newlyOut = nobody();
  readonly #limits = Object.fromEntries(LIMITS.map((limit) => [limit, nobody()])) as Record<Limit, Counted>;
  /** Limits that only stop what a sandbox sends count a session once. */
  readonly #met = new Set<string>();
  readonly #profiles = new Map<string, number>();

  constructor(policy: Policy, policyOf: PolicyOf, fences: readonly string[]) {
    this.#policyOf = policyOf;
    const ways = new Map<Policy["network"], ReturnType<typeof waysUnder>>();
    this.#sandboxes = new TriedSandboxes(policy.sandbox.most, (network) => {
      let known = ways.get(network);
      if (known === undefined) ways.set(network, (known = waysUnder(network, fences)));
      return known;
    });
    this.#logins = new TriedLogins(policy.auth, this.#sandboxes);
    this.#doors = new Doors(policy.limits);
  }

  take(happening: Happening): void {
    const { at, kind, visit } = happening;
    while (this.#cuts.next < at || (kind === "ends" && this.#cuts.next === at)) this.#cut();
    this.#now = at;
    switch (kind) {
      case "begins":
        this.#begins(visit);
        break;
      case "tries":
        if (visit.state === "outside") this.#tries(visit, happening.attempt, happening.isLast);
        break;
      case "connects":
        this.#connects(visit, happening.connect);
        break;
      case "ends":
        this.#ends(visit);
        break;
      default:
        happening satisfies never;
    }
  }

  outcome(sessions: readonly RecordedSession[]): Outcome {
    return {
      sessions: sessions.length,
      attempts: sessions.reduce((sum, { attempts }) => sum + attempts.length, 0),
      letIn: { happened: sessions.filter(({ loggedIn }) => loggedIn).length, would: this.#wouldBeIn },
      newlyIn: this.#newlyIn,
      newlyOut: this.#newlyOut,
      limits: this.#limits,
      sandboxes: this.#sandboxes.finish(),
      outside: this.#reach.reached,
      withoutPassword: this.#logins.withoutPassword,
      cutThen: this.#cutThen,
      cappedThen: this.#capped.size,
      counted: this.#counted,
      ...(this.#profiles.size === 0 ? {} : { profiles: Object.fromEntries([...this.#profiles].sort()) }),
    };
  }

  #begins(visit: Visit): void {
    const { policy } = visit.resolved;
    const shut = this.#doors.enter(visit.session.address, policy.limits.connectionsPerSource);
    if (shut !== undefined) {
      this.#hits(shut, visit);
      return;
    }
    visit.state = "outside";
    visit.isCounted = true;
    const { login, session } = policy.deadlines;
    const [limit, after] =
      login <= session ? (["deadlines.login", login] as const) : (["deadlines.session", session] as const);
    this.#notes({ limit, at: this.#now + after * 1000 }, visit);
  }

  #tries(visit: Visit, attempt: RecordedAttempt, isLast: boolean): void {
    if (attempt.method === "none" || attempt.outcome === "key-acceptable") return;
    const { maxTries } = visit.resolved.policy.auth;
    visit.resolved = this.#policyOf(visit.session, attempt.user);
    const tried = this.#logins.judge(visit, attempt);
    visit.last = { ...this.#example(visit), ...credentialOf(attempt), rule: tried.rule };
    if (tried.sandbox !== undefined) {
      visit.state = "inside";
      visit.wasIn = true;
      visit.sandbox = visit.home = tried.sandbox;
      tried.sandbox.sessions++;
      this.#wouldBeIn++;
      this.#doors.loggedIn();
      const cut = firstCut(visit.session, visit.resolved.policy, tried.sandbox.lifeEnds);
      if (cut !== undefined) this.#notes(cut, visit);
      return;
    }
    visit.refusals++;
    if (tried.isWithoutSandbox === true) {
      this.#hits("sandbox.most", visit);
      this.#leaves(visit);
    } else if (visit.refusals >= maxTries) {
      // Who would have gone away by themselves did not meet it.
      if (!isLast) this.#hits("auth.maxTries", visit);
      this.#leaves(visit);
    }
  }

  /** Of a session that would have ended by then nobody knows what its programs would have done; of what was left behind it is known. */
  #connects(visit: Visit, connect: RecordedConnect): void {
    const { home, session, state } = visit;
    const isLate = connect.at > session.ended;
    if (home === undefined || !this.#sandboxes.isLiving(home, connect.at)) return;
    if (!isLate && state !== "inside") return;
    if (connect.rule === "cap") {
      this.#capped.add(session.id);
      return;
    }
    const { way, limit } = home.flow.judge(connect);
    this.#reach.add(connect, way, session.id);
    this.#stops(limit, visit);
  }

  /** What was counted when it left, unless it would have left before. */
  #passed({ state, home, session }: Visit): { readonly limit?: Limit } {
    const { traffic, started, ended } = session;
    if (traffic === undefined || state !== "inside" || home === undefined) return {};
    if (!this.#sandboxes.isLiving(home, this.#now)) return {};
    const passed = home.flow.passed(traffic, started, ended);
    if (passed === undefined) return {};
    this.#counted.sessions++;
    if (traffic.isAtLeast) this.#counted.atLeast++;
    return passed;
  }

  #stops(limit: Limit | undefined, visit: Visit): void {
    if (limit === undefined || this.#met.has(`${limit} ${visit.session.id}`)) return;
    this.#met.add(`${limit} ${visit.session.id}`);
    this.#hits(limit, visit);
  }

  #ends(visit: Visit): void {
    const { session, wasIn, last, resolved } = visit;
    if (visit.state !== "over" && wasCut(session)) this.#cutThen++;
    this.#stops(this.#passed(visit).limit, visit);
    this.#leaves(visit);
    if (wasIn && !session.loggedIn) tally(this.#newlyIn, last ?? this.#example(visit));
    if (!wasIn && session.loggedIn) tally(this.#newlyOut, last ?? this.#example(visit));
    if (resolved.profile !== undefined)
      this.#profiles.set(resolved.profile, (this.#profiles.get(resolved.profile) ?? 0) + 1);
  }

  /** One that comes only after they had gone is no matter. */
  #notes(cut: Cut, visit: Visit): void {
    if (cut.at <= visit.session.ended) this.#cuts.note(cut.at, { ...cut, visit });
  }

  #cut(): void {
    const cut = this.#cuts.take();
    if (cut === undefined) return;
    const { visit, limit, at } = cut;
    const isMeant =
      visit.state === "inside" ? visit.wasIn && limit !== "deadlines.login" : visit.state === "outside";
    this.#now = at;
    if (!isMeant) return;
    this.#hits(limit, visit);
    this.#leaves(visit);
  }

  /** What it held is given back. Its end is still to come. */
  #leaves(visit: Visit): void {
    if (visit.sandbox !== undefined) this.#sandboxes.leave(visit.sandbox, this.#now);
    if (visit.isCounted) this.#doors.leave(visit.session.address, visit.state === "outside");
    visit.sandbox = undefined;
    visit.state = "over";
    visit.isCounted = false;
  }

  #hits(limit: Limit, visit: Visit): void {
    tally(this.#limits[limit], this.#example(visit));
  }

  #example({ session }: Visit): Example {
    return { session: session.id, source: session.address, at: this.#now };
  }
}

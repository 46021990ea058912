import type { Logger } from "pino";
import { toByteString } from "../model/bytes.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { MitsubakoError } from "../model/errors.ts";
import type {
  Admission,
  AdmitRequest,
  Foresight,
  FrontRequest,
  JudgeRequest,
  Keys,
  Prepared,
  Ruling,
  Settled,
  WardenNotice,
  WayToSandbox,
} from "../model/front-messages.ts";
import { newSessionId, type SessionId } from "../model/ids.ts";
import type { Machine, ShownMachine } from "../model/persona.ts";
import type { LoadedPolicy, Policy } from "../model/policy.ts";
import { isUserName } from "../model/user-name.ts";
import { AttemptMemory } from "../policy/attempts.ts";
import { decide } from "../policy/decide.ts";
import { refusalDelay, timingSecret } from "../policy/delay.ts";
import { resolve } from "../policy/resolve.ts";
import type { Resolved } from "../policy/resolve.ts";
import { sourceKey } from "../policy/source.ts";
import type { Lease } from "../sandbox/lease.ts";
import type { Pool } from "../sandbox/pool.ts";
import type { SourceAddresses } from "../firewall/source-address.ts";
import type { Gate } from "./gate.ts";
import { LiveSession, type LiveSessions } from "./sessions.ts";
import { termsOf } from "./terms.ts";

export interface AnswersOptions {
  /** What is in force; asked each time. */
  readonly policy: () => LoadedPolicy;
  readonly sessions: LiveSessions;
  readonly gate: Gate;
  readonly pool: Pool;
  readonly sources: SourceAddresses;
  readonly attempts: AttemptMemory;
  /** Whether the machine's disk has room for anybody new. */
  readonly hasRoom: () => boolean;
  /** A session is about to connect to the SSH server of the sandbox with that address, which sees it come from `client`. */
  readonly expected?: (address: string, session: SessionId, client: Endpoint) => void;
  /** Whether all is told that was done in the sandbox with that address by now; bounded in time. */
  readonly settle?: (address: string) => Promise<boolean>;
  /** The machine that a session under this policy meets. */
  readonly shownUnder: (policy: Policy) => ShownMachine;
  /** A session was admitted: its recording is being made. */
  readonly opened: (session: LiveSession) => void;
  readonly tell: (front: number, notice: WardenNotice) => void;
  readonly log: Logger;
}

/** What the warden answers to the fronts' questions. */
export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  answer(front: number, request: FrontRequest): Promise<unknown> {
    if (request.kind === "admit") return Promise.resolve(this.#admit(front, request));
    const session = this.#own(front, request.session);
    return session.inTurn(() => this.#answerOf(session, request));
  }

  #answerOf(session: LiveSession, request: Exclude<FrontRequest, AdmitRequest>): Promise<unknown> {
    switch (request.kind) {
      case "foresee":
        return this.#foresee(session);
      case "prepared":
        return this.#prepared(session);
      case "judge":
        return this.#judge(session, request);
      case "keys":
        return this.#keys(session, request.user);
      case "settle":
        return this.#settle(session);
      default:
        return request satisfies never;
    }
  }

  #own(front: number, id: SessionId): LiveSession {
    const session = this.#options.sessions.of(front, id);
    // A session that just ended may still have asked; a captured front may ask for somebody else's.
    if (!session) throw new MitsubakoError("not-found", `front ${front} has no session ${id}`);
    return session;
  }

  #admit(front: number, { source, listener }: AdmitRequest): Admission {
    // They see what an overloaded sshd shows.
    if (!this.#options.hasRoom()) return { admitted: false };
    const loaded = this.#options.policy();
    const resolved = resolve(loaded, { address: source.address, listener, at: Date.now() });
    const shown = this.#options.shownUnder(resolved.policy);
    const place = this.#options.gate.enter(source.address, resolved.policy.limits);
    if (!place) return { admitted: false };
    const session = new LiveSession({ id: newSessionId(), front, source, listener, shown, place });
    session.resolved = resolved;
    this.#options.sessions.add(session);
    this.#options.opened(session);
    return { admitted: true, session: session.id, terms: termsOf(resolved, shown) };
  }

  /** The policy is another, or it was read anew: fronts go by what it says of each session that lives. */
  policyChanged(): void {
    for (const session of this.#options.sessions.all()) this.#resolved(session);
  }

  /** The policy that holds for the session now. Its front is told when that is another than before. */
  #resolved(session: LiveSession): Resolved {
    const resolved = resolve(this.#options.policy(), session.facts);
    if (resolved.policy !== session.resolved?.policy) {
      const { deadlines } = termsOf(resolved, session.shown);
      this.#options.tell(session.front, { kind: "deadlines", session: session.id, deadlines });
    }
    session.resolved = resolved;
    return resolved;
  }

  async #judge(session: LiveSession, { user, password, method }: JudgeRequest): Promise<Ruling> {
    const at = Date.now();
    const credential = { user: toByteString(user), password: toByteString(password) };
    session.user = credential.user;
    const { policy, profile } = this.#resolved(session);
    const named = profile === undefined ? {} : { profile };
    const key = this.#sourceOf(session, policy, credential);
    const source = sourceKey(policy, session.source.address);
    const { attempts } = this.#options;
    const earlier = attempts.count(source);
    // A password of one server says nothing of another's.
    const there = `${session.shown.machine.id} ${source}`;
    const knownAs = attempts.passwords.knownAs(there, credential);
    session.letIn = () => {
      attempts.passwords.letIn(there, credential);
    };
    try {
      if (isUserName(credential.user) && this.#options.pool.living(key, session.shown)) {
        // One source, one truth: where it has an account with a password, the sandbox's own sshd decides.
        const lease = await this.#lease(session, key);
        if (await lease.hasPassword(credential.user)) {
          // It is wrong until somebody is in with it.
          if (knownAs !== "right") attempts.passwords.refuse(there, credential);
          return {
            ruling: "ask-sandbox",
            by: "sandbox",
            rule: "sandbox",
            way: await this.#wayTo(session, lease),
            ...named,
          };
        }
      }
      const { address } = session.source;
      const known = knownAs === undefined ? {} : { knownAs };
      const verdict = decide(policy, { address, method, earlier, ...known, ...credential });
      if (verdict.outcome === "reject") {
        attempts.passwords.refuse(there, credential);
        const secret = secretOf(session.shown.machine);
        const delay = refusalDelay({ method, user: credential.user, at, secret });
        return { ruling: "refuse", rule: verdict.rule, delay, ...named };
      }
      // From now on, not from when they are in: a second one may be tried meanwhile.
      attempts.passwords.letIn(there, credential);
      const lease = await this.#lease(session, key);
      session.prepared = lease.ensureAccount(credential.user, password);
      session.prepared.catch(() => undefined); // told to who asks whether it is prepared
      return {
        ruling: "ask-sandbox",
        by: "policy",
        rule: verdict.rule,
        way: await this.#wayTo(session, lease),
        ...named,
      };
    } catch (error) {
      return { ...this.#withoutSandbox(session, error), ...named };
    }
  }

  async #foresee(session: LiveSession): Promise<Foresight> {
    const key = this.#sourceOf(session, this.#resolved(session).policy);
    if (!this.#options.pool.living(key, session.shown)) return {};
    try {
      return { way: await this.#wayTo(session, await this.#lease(session, key)) };
    } catch {
      return {}; // a wish only; what is in its way will be told when somebody logs in
    }
  }

  async #prepared(session: LiveSession): Promise<Prepared> {
    try {
      await session.prepared;
      return { prepared: true };
    } catch (error) {
      this.#withoutSandbox(session, error);
      return { prepared: false };
    }
  }

  async #keys(session: LiveSession, user: Uint8Array): Promise<Keys> {
    const name = toByteString(user);
    session.user = name;
    const { policy, profile } = this.#resolved(session);
    const key = this.#sourceOf(session, policy);
    if (!isUserName(name) || !this.#options.pool.living(key, session.shown)) return {};
    const lease = await this.#lease(session, key);
    const file = await lease.readAuthorizedKeys(name);
    if (!file) return {};
    const found = { file, way: await this.#wayTo(session, lease) };
    return { found: profile === undefined ? found : { ...found, profile } };
  }

  /** The facts go to the front by the same way as this answer, and before it. */
  async #settle({ id, lease }: LiveSession): Promise<Settled> {
    const settled = lease === undefined || ((await this.#options.settle?.(lease.sandbox.address)) ?? true);
    if (!settled)
      this.#options.log.warn(
        { session: id },
        "what a sandbox did last may be missing in its session's recording",
      );
    return { settled };
  }

  #sourceOf(
    session: LiveSession,
    policy: Resolved["policy"],
    credential?: Parameters<typeof sourceKey>[2],
  ): string {
    return policy.sandbox.mode === "fresh"
      ? `session ${session.id}`
      : sourceKey(policy, session.source.address, credential);
  }

  /** The session's lease on its source's sandbox: one for all its attempts, unless they mean different sandboxes. */
  async #lease(session: LiveSession, key: string): Promise<Lease> {
    if (session.lease?.source === key && session.lease.alive) return session.lease;
    await session.giveBackSandbox();
    // A new sandbox goes by the profile of who gets it, as long as it lives.
    const { facts } = session;
    const holds = () => resolve(this.#options.policy(), facts);
    const lease = await this.#options.pool.lease(
      ...([key, session.id, session.over] as const),
      () => holds().policy,
      () => holds().profile,
      { ...session.shown, hostname: this.#hostnameFor(session, holds().profile) },
    );
    return session.keepLease(lease);
  }

  /** Of a fresh sandbox. The profile that holds now may be one for a user, which came too late for all else of the persona. */
  #hostnameFor({ shown }: LiveSession, profile: string | undefined): string {
    const { profiles } = this.#options.policy().policy;
    return profiles.find(({ name }) => name === profile)?.persona?.hostname ?? shown.hostname;
  }

  async #wayTo(session: LiveSession, lease: Lease): Promise<WayToSandbox> {
    if (session.way) return session.way;
    const { id, container, image, address } = lease.sandbox;
    const path = await this.#options.sources.openPath({ attacker: session.source });
    await session.keepPath(path);
    const client = path.shown ?? { address: path.localAddress, port: path.localPort };
    this.#options.expected?.(address, session.id, client);
    session.way = {
      sandbox: id,
      container,
      image,
      address,
      port: 22,
      state: lease.state,
      from: { address: path.localAddress, port: path.localPort },
    };
    return session.way;
  }

  #withoutSandbox(session: LiveSession, error: unknown): { readonly ruling: "no-sandbox" } {
    if (!session.over.aborted)
      this.#options.log.error({ err: error, session: session.id }, "no sandbox could be had for a session");
    return { ruling: "no-sandbox" };
  }
}

/** Of policy/delay.ts; the same as long as the keys are. */
const secrets = new WeakMap<Machine, bigint>();

function secretOf(machine: Machine): bigint {
  let secret = secrets.get(machine);
  if (secret === undefined) {
    secret = timingSecret(machine.hostKeys.map(({ privateKey }) => privateKey));
    secrets.set(machine, secret);
  }
  return secret;
}

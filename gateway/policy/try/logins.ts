import { toByteString } from "../../model/bytes.ts";
import type { Policy } from "../../model/policy.ts";
import { isUserName } from "../../model/user-name.ts";
import { AttemptMemory } from "../attempts.ts";
import { decide } from "../decide.ts";
import { sourceKey } from "../source.ts";
import type { RecordedAttempt } from "./recorded.ts";
import type { TriedSandboxes } from "./sandboxes.ts";
import type { Tried, Visit } from "./visit.ts";

const NOTHING = toByteString(Buffer.alloc(0));
const UNKNOWN = toByteString(Buffer.from("(lost)"));

/** Judges recorded attempts as the warden would have. */
export class TriedLogins {
  readonly #sandboxes: TriedSandboxes;
  readonly #memory: AttemptMemory;
  #now = 0;
  /** Attempts whose password is not known any more. */
  withoutPassword = 0;

  constructor(auth: Policy["auth"], sandboxes: TriedSandboxes) {
    this.#sandboxes = sandboxes;
    this.#memory = new AttemptMemory(auth.memory, { now: () => this.#now / 1000 });
  }

  judge(visit: Visit, attempt: RecordedAttempt): Tried {
    this.#now = attempt.at;
    return attempt.method === "publickey" ? this.#key(visit, attempt) : this.#password(visit, attempt);
  }

  /** Only what a sandbox knows lets a key in; whether it knew this one was recorded. */
  #key(visit: Visit, attempt: RecordedAttempt): Tried {
    const sandbox =
      attempt.outcome === "accepted" ? this.#sandboxes.living(keyOf(visit, attempt), attempt.at) : undefined;
    return sandbox === undefined ? { rule: "method" } : { rule: "sandbox", sandbox };
  }

  #password(visit: Visit, attempt: RecordedAttempt): Tried {
    const { address } = visit.session;
    const { policy } = visit.resolved;
    const { at, user = NOTHING, method } = attempt;
    if (attempt.password === undefined) this.withoutPassword++;
    // What they typed is not known: something that can be let in, and does not look random, stands for it.
    const password = attempt.password ?? UNKNOWN;
    const key = keyOf(visit, attempt);
    const source = sourceKey(policy, address);
    const earlier = this.#memory.count(source);
    const there = `${visit.machine} ${source}`;
    const told = attempt.password === undefined ? undefined : this.#memory.passwords;
    const credential = { user, password };
    const living = isUserName(user) ? this.#sandboxes.living(key, at) : undefined;
    const set = living?.accounts.get(user);
    if (living !== undefined && set !== undefined) {
      // Where a sandbox decided, it knew: a password may have been changed inside.
      const isRight = attempt.by === "sandbox" ? attempt.outcome === "accepted" : set === password;
      told?.[isRight ? "letIn" : "refuse"](there, credential);
      return isRight ? { rule: "sandbox", sandbox: living } : { rule: "sandbox" };
    }
    const knownAs = told?.knownAs(there, credential);
    const verdict = decide(policy, { address, method, earlier, ...credential, ...(knownAs && { knownAs }) });
    told?.[verdict.outcome === "accept" ? "letIn" : "refuse"](there, credential);
    if (verdict.outcome === "reject") return { rule: verdict.rule };
    const sandbox = this.#sandboxes.take(key, at, policy);
    if (sandbox === undefined) return { rule: "sandbox.most", isWithoutSandbox: true };
    sandbox.accounts.set(user, password);
    return { rule: verdict.rule, sandbox };
  }
}

function keyOf(
  { session, resolved, machine }: Visit,
  { user = NOTHING, password = UNKNOWN }: RecordedAttempt,
): string {
  return resolved.policy.sandbox.mode === "fresh"
    ? `session ${session.id}`
    : `${machine} ${sourceKey(resolved.policy, session.address, { user, password })}`;
}

/** Whether an attempt is let in, by the policy alone. Pure: the same policy and attempt give the same verdict. */
import type { ByteString } from "../model/bytes.ts";
import type { AttemptMethod } from "../model/entries.ts";
import type { AuthRule, Policy } from "../model/policy.ts";
import { isPassword, isUserName } from "../model/user-name.ts";
import type { KnownAs } from "./known-passwords.ts";
import { compileMatcher } from "./matcher.ts";
import type { Matches } from "./matcher.ts";
import { isRandomLooking } from "./random-looking.ts";
import { compileRanges } from "./ranges.ts";
import type { SourceCredential } from "./source.ts";

export interface AttemptToDecide {
  /** The attacker's IP address. */
  readonly address: string;
  readonly user: ByteString;
  readonly method: AttemptMethod;
  /** Absent when the method carries none. */
  readonly password?: ByteString;
  /** How many attempts of this source came before this one, as `AttemptMemory` counts them. */
  readonly earlier: number;
  /** What the source was told of this password for this user before, as `KnownPasswords` has it; absent where it was told nothing. */
  readonly knownAs?: KnownAs;
}

export interface Verdict {
  readonly outcome: "accept" | "reject";
  /** The rule's name, or the key of the policy that decided, or `user-name`, `password`, `method`: what no policy can allow. */
  readonly rule: string;
}

/**
 * What comes first decides: what no account could have; root, where it is refused; what `refuse` names; the rules in their order; `otherwise`.
 * A public key is never accepted here: only a sandbox's own authorized_keys can do that.
 */
export function decide(policy: Policy, attempt: AttemptToDecide): Verdict {
  const reject = (rule: string): Verdict => ({ outcome: "reject", rule });
  switch (attempt.method) {
    case "none":
    case "publickey":
    case "other":
      return reject("method");
    case "password":
    case "keyboard-interactive":
      break;
    default:
      return attempt.method satisfies never;
  }
  if (!isUserName(attempt.user)) return reject("user-name");
  if (attempt.password === undefined || !isPassword(attempt.password)) return reject("password");
  const credential = { user: attempt.user, password: attempt.password };
  if (attempt.user === "root" && policy.auth.root === "refuse") return reject("auth.root");

  const refusal = policy.auth.refuse.find((each) => isRefused(each, credential, attempt.knownAs));
  if (refusal !== undefined) return reject(refusalName(refusal));

  const rule = compiledRules(policy).find((each) => applies(each, credential, attempt.address));
  if (rule === undefined) return { outcome: policy.auth.otherwise, rule: "auth.otherwise" };
  const isEarly = attempt.earlier + 1 < rule.afterAttempts;
  return { outcome: isEarly ? "reject" : rule.verdict, rule: rule.name };
}

export type Refusal = Policy["auth"]["refuse"][number];

/** As verdicts and recordings name it. */
export function refusalName(refusal: Refusal): string {
  return `auth.refuse[${refusal}]`;
}

/** A password that was right stays right, whatever it looks like: somebody may have set it inside. */
export function isRefused(
  refusal: Refusal,
  { password }: Pick<SourceCredential, "password">,
  knownAs: KnownAs | undefined,
): boolean {
  if (knownAs === "right") return false;
  switch (refusal) {
    case "random-looking":
      return isRandomLooking(password);
    case "second-password":
      return knownAs === "other";
    case "refused-before":
      return knownAs === "refused";
    default:
      return refusal satisfies never;
  }
}

export interface CompiledRule {
  readonly name: string;
  readonly verdict: "accept" | "reject";
  readonly afterAttempts: number;
  readonly user: Matches;
  readonly password: Matches;
  readonly source: (address: string) => boolean;
}

function applies(rule: CompiledRule, credential: SourceCredential, address: string): boolean {
  return rule.user(credential.user) && rule.password(credential.password) && rule.source(address);
}

/** Policies are frozen, so what was made of one stays right; it goes with the policy. */
const compiled = new WeakMap<Policy, readonly CompiledRule[]>();

export function compiledRules(policy: Policy): readonly CompiledRule[] {
  let rules = compiled.get(policy);
  if (rules === undefined) {
    rules = policy.auth.rules.map(compileRule);
    compiled.set(policy, rules);
  }
  return rules;
}

function compileRule(rule: AuthRule, index: number): CompiledRule {
  const any = () => true;
  return {
    name: rule.name ?? `auth.rules[${index}]`,
    verdict: rule.verdict,
    afterAttempts: rule.afterAttempts,
    user: rule.user === undefined ? any : compileMatcher(rule.user),
    password: rule.password === undefined ? any : compileMatcher(rule.password),
    source: rule.source === undefined ? any : compileRanges(rule.source),
  };
}

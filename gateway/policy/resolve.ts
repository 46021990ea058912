/** Which policy holds for a session. Pure: the same policy and facts give the same. */
import type { LoadedPolicy, Policy, SessionFacts } from "../model/policy.ts";
import { overlaid } from "./overlay.ts";
import { isMatch } from "./profile-match.ts";

export interface Resolved {
  readonly policy: Policy;
  /** Of the profile that was laid over it; absent where none matches. */
  readonly profile?: string;
}

/** The one rule: of `profiles` the first that matches in all its conditions is laid over the policy, and no other. */
export function resolve(
  { policy, addresses }: Pick<LoadedPolicy, "policy" | "addresses">,
  facts: SessionFacts,
): Resolved {
  const index = policy.profiles.findIndex((profile) => isMatch(profile, facts, addresses));
  return resolvedProfiles(policy)[index] ?? { policy };
}

/** Policies are frozen: what was made of one stays right, and whoever gets it twice gets the same. */
const made = new WeakMap<Policy, readonly Resolved[]>();

/** In the order of `profiles`, each laid over the policy. */
export function resolvedProfiles(policy: Policy): readonly Resolved[] {
  let resolved = made.get(policy);
  if (resolved === undefined) {
    resolved = policy.profiles.map((profile) => ({
      policy: overlaid(policy, profile),
      profile: profile.name,
    }));
    made.set(policy, resolved);
  }
  return resolved;
}

/** What may leave a sandbox: by the policy, and with each of its profiles. */
export function networksOf(policy: Policy): {
  readonly network: Policy["network"];
  readonly profiles: readonly Policy["network"][];
} {
  const profiles = resolvedProfiles(policy).map(({ policy: { network } }) => network);
  return { network: policy.network, profiles };
}

/** Every policy that can be in force for somebody: itself, and with each of its profiles. */
export function everyPolicy(policy: Policy): readonly Policy[] {
  return [policy, ...resolvedProfiles(policy).map((resolved) => resolved.policy)];
}

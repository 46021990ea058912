/** Which profile holds for a session and why, and what then becomes of an attempt in it. Pure. */
import type { SessionFacts } from "../model/policy.ts";
import type { AttemptToDecide } from "./decide.ts";
import type { Place } from "./document.ts";
import { explain } from "./explain.ts";
import type { Explanation } from "./explain.ts";
import type { PlacedPolicy } from "./load.ts";
import { profileDocument } from "./overlay.ts";
import { unmet } from "./profile-match.ts";
import { resolvedProfiles } from "./resolve.ts";

export interface ProfileStep {
  readonly profile: string;
  readonly isMatch: boolean;
  readonly because: string;
  readonly at: Place;
}

export interface SessionExplanation extends Explanation {
  /** The one that is laid over the policy; absent where none matches. */
  readonly profile?: string;
  /** In the order in which they are looked at, up to the one that matches. */
  readonly profiles: readonly ProfileStep[];
}

export function explainSession(
  placed: PlacedPolicy,
  attempt: AttemptToDecide,
  { listener, at }: Pick<SessionFacts, "listener" | "at">,
): SessionExplanation {
  const { loaded, document } = placed;
  const facts = { address: attempt.address, listener, at, user: attempt.user };
  const profiles: ProfileStep[] = [];
  for (const [index, profile] of loaded.policy.profiles.entries()) {
    const missing = unmet(profile, facts, loaded.addresses);
    profiles.push({
      profile: profile.name,
      isMatch: missing.length === 0,
      because:
        missing.length === 0 ? "all that it asks for is so" : `its ${missing.join(" and ")} is another`,
      at: document.place(["profiles", index]),
    });
    if (missing.length > 0) continue;
    const policy = resolvedProfiles(loaded.policy)[index]?.policy ?? loaded.policy;
    const over = { loaded: { ...loaded, policy }, document: profileDocument(document, index, profile) };
    return { ...explain(over, attempt), profile: profile.name, profiles };
  }
  return { ...explain(placed, attempt), profiles };
}

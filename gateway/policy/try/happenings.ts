import { machineId } from "../../model/persona.ts";
import type { RecordedAttempt, RecordedConnect, RecordedSession } from "./recorded.ts";
import type { PolicyOf, Visit } from "./visit.ts";

/** What was recorded, and of which session. Times are microseconds since 1970. */
export type Happening = {
  readonly at: number;
  readonly visit: Visit;
} & (
  | { readonly kind: "begins" | "ends" }
  | { readonly kind: "tries"; readonly attempt: RecordedAttempt; readonly isLast: boolean }
  | { readonly kind: "connects"; readonly connect: RecordedConnect }
);

/** What comes first of what happens at the same time. */
const RANK = { begins: 0, tries: 1, connects: 2, ends: 3 } as const;

/** All that happened, in the order of time; what is equal stays as the sessions came. */
export function inOrder(sessions: readonly RecordedSession[], policyOf: PolicyOf): Happening[] {
  const happenings: Happening[] = [];
  for (const session of sessions) {
    const resolved = policyOf(session);
    const machine = machineId(resolved.policy.persona);
    const visit: Visit = {
      ...{ session, state: "over", resolved, machine, isCounted: false, refusals: 0 },
      ...{ sandbox: undefined, home: undefined, last: undefined, wasIn: false },
    };
    const { started, ended, attempts, connects } = session;
    happenings.push({ at: started, kind: "begins", visit });
    for (const [index, attempt] of attempts.entries())
      happenings.push({
        at: attempt.at,
        kind: "tries",
        visit,
        attempt,
        isLast: index + 1 === attempts.length,
      });
    for (const connect of connects) happenings.push({ at: connect.at, kind: "connects", visit, connect });
    happenings.push({ at: Math.max(started, ended), kind: "ends", visit });
  }
  return happenings.sort((one, other) => one.at - other.at || RANK[one.kind] - RANK[other.kind]);
}

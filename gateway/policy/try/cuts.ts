import type { EndReason } from "../../model/end-reason.ts";
import type { Policy } from "../../model/policy.ts";
import type { Limit } from "./limits.ts";
import type { RecordedSession } from "./recorded.ts";

/** What ends a session, and when: microseconds since 1970. */
export interface Cut {
  readonly limit: Limit;
  readonly at: number;
}

/** The first deadline or cap that a session meets which was let in, by what was recorded of it; undefined where it ends before. */
export function firstCut(
  session: RecordedSession,
  { deadlines, limits }: Policy,
  lifeEnds: number,
): Cut | undefined {
  const { started, ended } = session;
  const idle = deadlines.idle * 1000;
  const pause = session.pauses.find(([, length]) => length >= idle);
  const cuts: Cut[] = [
    { limit: "deadlines.session", at: started + deadlines.session * 1000 },
    { limit: "sandbox.life", at: lifeEnds },
    ...(pause === undefined ? [] : [{ limit: "deadlines.idle", at: started + pause[0] + idle } as const]),
    ...(session.bytes > limits.recordingSize
      ? [{ limit: "limits.recordingSize", at: filledAt(session, limits.recordingSize) } as const]
      : []),
  ];
  const [first] = cuts.filter(({ at, limit }) => at < ended || limit === "limits.recordingSize").sort(byTime);
  return first;
}

/** At the latest: growth is known in steps. */
function filledAt({ started, ended, growth }: RecordedSession, size: number): number {
  const step = growth.find(([, bytes]) => bytes > size);
  return step === undefined ? ended : started + step[0];
}

function byTime(one: Cut, other: Cut): number {
  return one.at - other.at;
}

/** Ends that a policy made: without it they would have gone on. */
const ENDED_BY_POLICY: ReadonlySet<EndReason | undefined> = new Set<EndReason>([
  ...(["login-grace", "too-many-attempts", "no-sandbox", "session-deadline", "idle-deadline"] as const),
  ...(["sandbox-deadline", "flood", "recording-full", "disk-floor", "drain"] as const),
]);

export function wasCut({ endReason }: RecordedSession): boolean {
  return ENDED_BY_POLICY.has(endReason);
}

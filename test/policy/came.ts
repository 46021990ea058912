/** Strangers as they come in tests of `policy try`. */
import { toByteString } from "../../gateway/model/bytes.ts";
import type { RecordedAttempt, RecordedConnect, RecordedSession } from "../../gateway/policy/try/recorded.ts";

export const bytes = (text: string) => toByteString(Buffer.from(text));
export const FIRST = Date.parse("2026-11-01T00:00:00Z") * 1000;
export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;

export interface Come {
  /** Minutes after the first. */
  readonly at?: number;
  readonly from?: string;
  /** Seconds. */
  readonly lasts?: number;
  /** `user password`, a second apart; the last one was let in if `isIn`. */
  readonly tries: readonly string[];
  readonly isIn?: boolean;
  readonly bytes?: number;
  /** Seconds after its start, and how long. */
  readonly pauses?: readonly (readonly [number, number])[];
  /** Seconds after its start, and bytes. */
  readonly growth?: readonly (readonly [number, number])[];
  readonly connects?: readonly (Partial<RecordedConnect> & { readonly after: number })[];
  readonly traffic?: RecordedSession["traffic"];
  readonly end?: RecordedSession["endReason"];
  readonly port?: number;
}

let number = 0;

/** A session as the index tells it. */
export function came({
  at = 0,
  from = "203.0.113.7",
  lasts = 10,
  tries,
  isIn = false,
  bytes: size = 0,
  pauses = [],
  growth = [],
  connects = [],
  traffic,
  end = "client-closed",
  port = 22,
}: Come): RecordedSession {
  const started = FIRST + at * MINUTE;
  const attempts = tries.map((credential, index): RecordedAttempt => {
    const [user = "", password = ""] = credential.split(" ");
    const isAccepted = isIn && index === tries.length - 1;
    return {
      at: started + (index + 1) * SECOND,
      method: "password",
      user: bytes(user),
      password: password === "?" ? undefined : bytes(password),
      outcome: isAccepted ? "accepted" : "refused",
      by: "policy",
    };
  });
  const id = `s${String(number++).padStart(3, "0")}`;
  return {
    id,
    address: from,
    listener: { address: "192.0.2.99", port },
    started,
    ended: started + lasts * SECOND,
    endReason: end,
    loggedIn: isIn,
    bytes: size,
    attempts,
    pauses: pauses.map(([at, length]) => [at * SECOND, length * SECOND] as const),
    growth: growth.map(([at, passed]) => [at * SECOND, passed] as const),
    ...(traffic === undefined ? {} : { traffic }),
    connects: connects.map(({ after, ...connect }) => ({
      ...{ at: started + after * SECOND, rule: "egress", protocol: "tcp", address: "198.51.100.9" },
      ...{ port: 80, tries: 1, sent: 0, ...connect },
    })),
  };
}

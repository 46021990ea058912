import type { SessionId } from "../model/ids.ts";
import type { ShownMachine } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import type { AssignedSandbox } from "./lifecycle.ts";
import type { Lease } from "./lease.ts";

/** One source's sandbox, from the first session that asks for it until it is removed. */
export interface Tenancy {
  /** By which it is found again. */
  readonly key: string;
  /** Canonical source key. */
  readonly source: string;
  /** The machine that its sandbox is, and the name that it is given. */
  readonly shown: ShownMachine;
  /** What holds for it, of the policy in force; asked each time. */
  readonly policy: () => Policy;
  /** Of the profile in that; asked each time. */
  readonly profile: () => string | undefined;
  /** Settles when there is a sandbox. */
  readonly arrival: Promise<AssignedSandbox>;
  sandbox: AssignedSandbox | undefined;
  /** Live ones, also those that still wait. */
  readonly leases: Set<Lease>;
  /** Every session that was in it, the last to leave last. */
  readonly sessions: Set<SessionId>;
  /** Milliseconds since 1970 at which its life ends; set when there is a sandbox. */
  expires: number;
  /** The same on the monotonic clock, which no step of the wall clock changes. */
  lifeEnds: number;
  /** The changes of the last capture, as a hash; sessions that only tried passwords add none. */
  lastCapture: string | undefined;
  /** What it had sent and received by then, as JSON. */
  lastTraffic: string | undefined;
  /** Whether a session was in it since the last capture. */
  isUsed: boolean;
  /** Nobody new is let in; it goes when the last one has left. */
  isOver: boolean;
  /** When the last session left, on the monotonic clock. */
  idleSince: number;
  /** The capture that runs now; a source that returns waits for it. */
  capturing: Promise<void> | undefined;
  /** Set once it leaves; settles when it is gone. */
  closing: Promise<void> | undefined;
  captureTimer: NodeJS.Timeout | undefined;
  lifeTimer: NodeJS.Timeout | undefined;
  /** Ends the wait for a sandbox when nobody waits any more. */
  readonly abandoned: AbortController;
}

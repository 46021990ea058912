import type { ByteString } from "../../model/bytes.ts";
import type { Endpoint } from "../../model/endpoint.ts";
import type { EndReason } from "../../model/end-reason.ts";
import type { AttemptMethod } from "../../model/entries.ts";
import type { NetworkFact, NetworkRule } from "../../model/network-facts.ts";

/** One try to log in, as it was recorded. Times are microseconds since 1970. */
export interface RecordedAttempt {
  readonly at: number;
  readonly method: AttemptMethod;
  readonly user: ByteString | undefined;
  /** Absent also where retention has dropped it. */
  readonly password: ByteString | undefined;
  readonly outcome: "accepted" | "refused" | "key-acceptable" | undefined;
  readonly by: "policy" | "sandbox" | "protocol" | undefined;
}

/** What its sandbox tried on its network, while the session was there or afterwards. */
export interface RecordedConnect {
  readonly at: number;
  readonly rule: NetworkRule;
  readonly protocol: NetworkFact["protocol"];
  readonly address: string;
  /** 0 where the protocol has none. */
  readonly port: number;
  readonly tries: number;
  /** Bytes that a sinkhole was sent. */
  readonly sent: number;
}

/** Bytes of IP packets that its sandbox sent and received. */
export interface RecordedTraffic {
  readonly up: number;
  readonly down: number;
  /** There would have been more. */
  readonly isAtLeast: boolean;
}

export interface RecordedSession {
  readonly id: string;
  readonly address: string;
  readonly listener: Endpoint;
  readonly started: number;
  readonly ended: number;
  readonly endReason: EndReason | undefined;
  readonly loggedIn: boolean;
  /** Both ways. */
  readonly bytes: number;
  /** In the order in which they were made. */
  readonly attempts: readonly RecordedAttempt[];
  /** Pauses while it was in, each longer than all before it: microseconds since its start, and how long. */
  readonly pauses: readonly (readonly [at: number, length: number])[];
  /** When how many bytes had passed: microseconds since its start. */
  readonly growth: readonly (readonly [at: number, bytes: number])[];
  /** In the order of time. */
  readonly connects: readonly RecordedConnect[];
  /** Since its sandbox was captured before; absent where that is not known. */
  readonly traffic?: RecordedTraffic;
}

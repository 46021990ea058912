import type { SessionId } from "./ids.ts";
import type { Policy } from "./policy.ts";

/** What the warden tells the archivist. Paths are relative to the data folder, which each of the two sees under another name. */
export type ToArchivist =
  | {
      readonly kind: "start";
      /** The data folder as the archivist sees it. */
      readonly dataFolder: string;
      readonly sensor: string;
      /** This gateway's, from `gateway.json`; the same for all its life. */
      readonly uuid: string;
      readonly events: EventsPolicy;
      readonly credentials?: CredentialsAge;
    }
  | {
      readonly kind: "session-opened";
      readonly session: SessionId;
      /** `live/<front>/<session>.mbr` */ readonly path: string;
    }
  | {
      readonly kind: "session-finished";
      readonly session: SessionId;
      /** `recordings/<date>/<session>` */ readonly path: string;
    }
  /** It was opened, and there is no recording of it: its front died before it had begun one. */
  | { readonly kind: "session-vanished"; readonly session: SessionId }
  /** Its recording, and what lay beside it, is there no more. */
  | { readonly kind: "session-removed"; readonly session: SessionId }
  /** One more capture lies whole in that folder, and its artifacts in theirs. */
  | {
      readonly kind: "capture";
      readonly session: SessionId;
      /** `recordings/<date>/<session>` */ readonly path: string;
    }
  /** `network.jsonl` lies whole in that folder; no capture will follow it. */
  | {
      readonly kind: "network";
      readonly session: SessionId;
      /** `recordings/<date>/<session>` */ readonly path: string;
    }
  /** What was sealed is in its place, or was not taken. */
  | { readonly kind: "seal-taken"; readonly session: SessionId }
  /** As "seal-taken", for "redacted". */
  | { readonly kind: "redaction-taken"; readonly session: SessionId; readonly path: string }
  | { readonly kind: "policy"; readonly events: EventsPolicy; readonly credentials?: CredentialsAge }
  /** For the events. */
  | { readonly kind: "policy-news"; readonly news: PolicyNews }
  /** Finish what is there, answer "drained", exit. */
  | { readonly kind: "drain" };

/** What became of a change of the policy's file. `hash`: of the policy in force now. `at`: ISO 8601, UTC. */
export type PolicyNews = { readonly at: string; readonly hash: string } & (
  | { readonly outcome: "changed"; readonly changes: readonly string[] }
  | { readonly outcome: "refused"; readonly reasons: readonly string[] }
);

export type EventsPolicy = Policy["events"];
/** Milliseconds; undefined: passwords are never dropped. */
export type CredentialsAge = Policy["retention"]["credentials"];

export type FromArchivist =
  | { readonly kind: "ready" }
  /** Its events are written and its rows are in the index. */
  | { readonly kind: "archived"; readonly session: SessionId }
  /** Its sealed form lies in `sealingFile`, to be put in the place of the recording. */
  | {
      readonly kind: "sealed";
      readonly session: SessionId;
      /** `recordings/<date>/<session>` */ readonly path: string;
    }
  /** Without its passwords it lies in `sealingFile`, to be put in the place of the recording. */
  | {
      readonly kind: "redacted";
      readonly session: SessionId;
      /** `recordings/<date>/<session>` */
      readonly path: string;
      /** Byte of the ledger at which the line begins that vouches for the recording. */
      readonly line: number;
      /** It has none: nothing lies in `sealingFile`. */
      readonly unchanged: boolean;
    }
  /** Of the webhook's spool: bytes that wait, events dropped ever. */
  | { readonly kind: "spooled"; readonly bytes: number; readonly dropped: number }
  | { readonly kind: "drained" }
  /** For the log. It may hold what strangers sent: the warden escapes it. */
  | { readonly kind: "problem"; readonly message: string };

import type { SandboxId, SessionId } from "./ids.ts";

/**
 * What changed in a sandbox's file system since it was handed to its source, written as `capture.json` beside the
 * recording of the session whose end caused it (`capture-2.json` where that session caused another). Like the recording it is truth, not derived.
 */
export interface Capture {
  readonly sandbox: SandboxId;
  /** Every session that had been in the sandbox by then. */
  readonly sessions: readonly SessionId[];
  /** Canonical source key, as the policy defines it. */
  readonly source: string;
  readonly takenAt: string;
  readonly changes: readonly Change[];
  /** True when the list itself was cut at the policy's bound. */
  readonly cut: boolean;
  /** Absent where nothing passed, or nobody could count it. */
  readonly traffic?: Traffic;
}

/** Bytes of IP packets that a sandbox has sent and received since it was handed to its source, as its byte caps count them: SSH is not among them. */
export interface Traffic {
  readonly up: number;
  readonly down: number;
  /** One of the caps was used up: more would have passed. */
  readonly spent?: true;
  /** Only of the hour for which its caps are; there may have been more before. */
  readonly hourly?: true;
}

/** A: added, C: changed, D: deleted, as `docker diff` says it. */
export interface Change {
  readonly kind: "A" | "C" | "D";
  /** Absolute path inside the sandbox, one character per byte (file names are bytes). */
  readonly path: string;
  readonly type: "file" | "directory" | "link" | "other" | "gone";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes. */
  readonly size?: number;
  readonly modifiedAt?: string;
  readonly linkTarget?: string;
  /** Name in `artifacts/`, when the content was kept. */
  readonly sha256?: string;
  /** Another name of what the image has in /etc/skel, as every new account's home gets it. */
  readonly skeleton?: true;
  /** A service went on writing it by itself, as far as can be told without reading it in full. Only where the content was kept. */
  readonly grown?: true;
  /** Why the content was not kept. */
  readonly leftOut?: "too-large" | "total-reached" | "count-reached" | "unreadable";
}

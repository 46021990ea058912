import type { ByteString } from "../../model/bytes.ts";
import type { AttemptMethod } from "../../model/entries.ts";

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

export interface RecordedSession {
  readonly id: string;
  readonly address: string;
  readonly started: number;
  readonly ended: number;
  readonly loggedIn: boolean;
  /** Both ways. */
  readonly bytes: number;
  /** In the order in which they were made. */
  readonly attempts: readonly RecordedAttempt[];
}

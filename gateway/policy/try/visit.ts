import type { ByteString } from "../../model/bytes.ts";
import type { Resolved } from "../resolve.ts";
import type { Example } from "./outcome.ts";
import type { RecordedAttempt, RecordedSession } from "./recorded.ts";
import type { TriedSandbox } from "./sandboxes.ts";

/** @param user of the attempt; absent before the first one. */
export type PolicyOf = (session: RecordedSession, user?: ByteString) => Resolved;

/** A recorded session under the policy that is tried. */
export interface Visit {
  readonly session: RecordedSession;
  /** `outside`: not logged in yet. */
  state: "outside" | "inside" | "over";
  resolved: Resolved;
  /** Id of the machine that it was shown when it connected. */
  readonly machine: string;
  isCounted: boolean;
  refusals: number;
  sandbox: TriedSandbox | undefined;
  /** The sandbox that it was in, when it has left it too. */
  home: TriedSandbox | undefined;
  /** How it was let in, or refused last. */
  last: Example | undefined;
  wasIn: boolean;
}

/** What becomes of an attempt. */
export interface Tried {
  readonly rule: string;
  /** Where it was let in. */
  readonly sandbox?: TriedSandbox;
  /** No sandbox could be had; the connection is closed with it. */
  readonly isWithoutSandbox?: true;
}

export function credentialOf({ user, password }: RecordedAttempt): {
  user?: ByteString;
  password?: ByteString;
} {
  return { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
}

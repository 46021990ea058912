import type { ByteString } from "../../model/bytes.ts";
import type { Peak } from "./sandboxes.ts";

/** One session that shows what is meant. */
export interface Example {
  readonly session: string;
  readonly source: string;
  /** Microseconds since 1970. */
  readonly at: number;
  readonly user?: ByteString;
  readonly password?: ByteString;
  /** Which rule, or key of the policy, or `sandbox`: as verdicts name it. */
  readonly rule?: string;
}

export interface Counted {
  count: number;
  /** The first of them. */
  readonly examples: Example[];
}

/** What would have happened to recorded sessions under another policy. */
export interface Outcome {
  readonly sessions: number;
  readonly attempts: number;
  readonly letIn: { readonly happened: number; readonly would: number };
  /** They were not let in, and would have been. */
  readonly newlyIn: Counted;
  /** They were let in, and would not have been. */
  readonly newlyOut: Counted;
  /** By the policy's key, in its order. */
  readonly limits: Readonly<Record<Limit, Counted>>;
  readonly sandboxes: {
    readonly made: number;
    readonly peak: Peak;
    readonly memory: number;
    readonly disk: number;
  };
  /** Attempts whose password is not known any more. */
  readonly withoutPassword: number;
}

/** Keys of a policy that end a session, or keep one from beginning. */
export const LIMITS = [
  "limits.connections",
  "limits.connectionsPerSource",
  "auth.maxTries",
  "deadlines.login",
  "deadlines.session",
  "sandbox.life",
  "sandbox.most",
  "limits.recordingSize",
] as const;

export type Limit = (typeof LIMITS)[number];

const MOST_EXAMPLES = 5;

export function nobody(): Counted {
  return { count: 0, examples: [] };
}

export function tally(counted: Counted, example: Example): void {
  counted.count++;
  if (counted.examples.length < MOST_EXAMPLES) counted.examples.push(example);
}

import type { ByteString } from "../../model/bytes.ts";
import type { Limit } from "./limits.ts";
import type { Reached } from "./reach.ts";
import type { SandboxSum } from "./sandboxes.ts";

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
  /** How many sessions would have met it, and when the first of them; by the policy's key. */
  readonly limits: Readonly<Record<Limit, Counted>>;
  readonly sandboxes: SandboxSum;
  /** What sandboxes turned to, and what would have become of it. */
  readonly outside: Reached;
  /** Attempts whose password is not known any more. */
  readonly withoutPassword: number;
  /** Sessions that a limit of their time ended, which this policy would have let go on: what they would have done is not known. */
  readonly cutThen: number;
  /** Sessions whose sandbox used up a byte cap of their time. */
  readonly cappedThen: number;
  /** Sessions at whose end it is known what their sandbox had sent and received, and which of these would have been more. */
  readonly counted: { readonly sessions: number; readonly atLeast: number };
  /** Sessions by the profile that they had when they ended; absent where the policy has none. */
  readonly profiles?: Readonly<Record<string, number>>;
}

const MOST_EXAMPLES = 5;

export function nobody(): Counted {
  return { count: 0, examples: [] };
}

export function tally(counted: Counted, example: Example): void {
  counted.count++;
  if (counted.examples.length < MOST_EXAMPLES) counted.examples.push(example);
}

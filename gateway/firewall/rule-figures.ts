import type { Rate } from "./rule-model.ts";

/**
 * How long a path's entry waits for its SYN, in seconds. The connect follows within milliseconds; after it, conntrack
 * keeps the translation.
 */
export const PATH_LIFE = 20;

/** Of rule sets, how they would be listed. Each change of the policy, or of the machine's networks, makes another. */
export const MOST_LISTINGS = 8;

/** Enough of a packet for its headers. */
export const LOGGED_BYTES = 160;

interface Allowance {
  readonly rate: Rate;
  readonly burst: number;
}

/** Tellings of one sandbox; what a flood leaves out of the log is still counted by the rules. */
export const TOLD: Allowance = { rate: { count: 20, per: "second" }, burst: 60 };
export const TOLD_OF_LIARS: Allowance = { rate: { count: 5, per: "second" }, burst: 20 };

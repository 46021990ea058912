import type { ByteString } from "../model/bytes.ts";

/**
 * Why two sources belong together, the strongest first. A value that few sources have says much, one that many have says less, one that
 * nearly everybody has says nothing: `common` is how many sources may have it, `rare` up to how many it counts in full. A word never changes its meaning.
 */
export const LINK_RULES = {
  "planted-key-used": {
    score: 100,
    common: Infinity,
    rare: Infinity,
    says: "one planted a key, the other came with it",
  },
  "same-planted-key": { score: 95, common: 1000, rare: 1000, says: "both planted the same key" },
  "changed-password-used": {
    score: 90,
    common: 10,
    rare: 10,
    says: "one set a password, the other tried it with that name",
  },
  "same-key": { score: 85, common: 1000, rare: 1000, says: "both showed the same key" },
  "same-artifact": {
    score: 75,
    common: 200,
    rare: 10,
    says: "the same file was brought, fetched or left by both",
  },
  "same-list": {
    score: 70,
    common: 200,
    rare: 10,
    says: "both tried the same credentials in the same order",
  },
  "same-indicator": { score: 60, common: 200, rare: 10, says: "both named the same place, wallet or file" },
  "shared-credentials": { score: 50, common: 10, rare: 10, says: "both tried credentials that few try" },
  "same-sandbox": { score: 45, common: 100, rare: 100, says: "the policy led both into one sandbox" },
  "same-client": {
    score: 10,
    common: 20,
    rare: 20,
    says: "both have a client of a kind that few have: the same HASSH and version",
  },
} as const satisfies Record<string, LinkRule>;

interface LinkRule {
  readonly score: number;
  readonly common: number;
  readonly rare: number;
  readonly says: string;
}

export type LinkKind = keyof typeof LINK_RULES;

/** Taken off where a value is not rare. */
const NOT_RARE = 25;

/** Fewer shared pairs, or a smaller share of the shorter list, are chance. */
export const FEWEST_SHARED = 3;
export const LEAST_SHARE = 0.2;

export interface Reason {
  readonly kind: LinkKind;
  /** What both have: a fingerprint, a hash, an id, a client; of credentials how many. */
  readonly value: ByteString;
  /** Sources that have it, both among them. */
  readonly sources: number;
  /** A session of each side in which it is seen. */
  readonly ours: string;
  readonly theirs: string;
}

export type Strength = "strong" | "likely" | "weak";

export function scoreOf({ kind, sources }: Pick<Reason, "kind" | "sources">): number {
  const { score, rare } = LINK_RULES[kind];
  return sources > rare ? score - NOT_RARE : score;
}

/** By the best of the reasons. */
export function strengthOf(reasons: readonly Reason[]): Strength {
  const best = Math.max(...reasons.map(scoreOf));
  return best >= 70 ? "strong" : best >= 40 ? "likely" : "weak";
}

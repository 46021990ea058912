/** The longest that a receiver's `Retry-After` is waited for, in milliseconds. */
const LONGEST_ASKED = 3_600_000;

export interface Failures {
  /** One after the other; at least 1. */
  readonly count: number;
  /** What the receiver asked for with the last one, in milliseconds. */
  readonly retryAfter?: number;
}

/**
 * Milliseconds to wait after a failure: doubled each time to the policy's most, shortened by chance by up to half so that many gateways do
 * not come back together, and never shorter than the receiver asks for.
 *
 * @param chance from 0 to 1.
 */
export function pauseAfter(
  { count, retryAfter = 0 }: Failures,
  { first, most }: { readonly first: number; readonly most: number },
  chance: number,
): number {
  // Beyond 2^30 any first pause is over any most.
  const doubled = Math.min(most, first * 2 ** Math.min(30, count - 1));
  return Math.max(doubled * (1 - chance / 2), Math.min(LONGEST_ASKED, retryAfter));
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110 section 10.2.3). Undefined where it is neither. */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = /^[A-Z][a-z]+, /.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

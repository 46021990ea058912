import { parseMicros, showMicros } from "../../model/timestamps.ts";

/** In the year 2255: up to there a number holds each microsecond. */
const LAST = Number.MAX_SAFE_INTEGER;

/**
 * Microseconds since 1970 of an entry. A recording that was forged may claim any start and any time: what is no date counts from 1970,
 * what is too late stays at the last time that can be told.
 */
export function timeOf(startedAt: string, at: bigint): number {
  const start = parseMicros(startedAt);
  return Math.min(LAST, (start > 0 ? start : 0) + Number(at / 1000n));
}

/** As ISO 8601 in UTC with six digits of a second. */
export function timeOfDay(startedAt: string, at: bigint): string {
  return showMicros(timeOf(startedAt, at));
}

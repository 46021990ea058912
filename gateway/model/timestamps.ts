/**
 * Wall-clock times with six digits of a second, as recordings and events carry them. A number of microseconds since 1970
 * stays below 2^53 until the year 2255, so it is a plain number here.
 */

/** Microseconds since 1970 of an ISO 8601 time in UTC with up to six digits of a second. NaN if it is none. */
export function parseMicros(iso: string): number {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(iso);
  if (match?.[1] === undefined) return NaN;
  const fraction = (match[2] ?? "").padEnd(6, "0").slice(0, 6);
  return Date.parse(`${match[1]}Z`) * 1000 + Number(fraction);
}

/** `2026-11-23T02:15:37.223438Z` */
export function showMicros(micros: number): string {
  const whole = Math.floor(micros / 1e6);
  const fraction = String(micros - whole * 1e6).padStart(6, "0");
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** @param at nanoseconds since `startedAt`. */
export function microsAt(startedAt: string, at: bigint): number {
  return parseMicros(startedAt) + Number(at / 1000n);
}

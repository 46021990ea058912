/** Times, sizes and tables as people read them. Everything of a stranger's is escaped before it comes here. */
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";

/** Where a command prints; a test gives its own. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export const TERMINAL: Output = { stdout: process.stdout, stderr: process.stderr, now: () => Date.now() };

/** Where a password would stand that retention has dropped. */
export const DROPPED_PASSWORD = "(dropped)";

/** `2026-11-23 02:15:37` in UTC. */
export function absoluteTime(micros: number): string {
  return new Date(micros / 1000).toISOString().slice(0, 19).replace("T", " ");
}

/** `3 min ago` */
export function relativeTime(micros: number, now: number): string {
  const seconds = Math.max(0, now - micros / 1000) / 1000;
  if (seconds < 1) return "now";
  return `${seconds < 60 ? `${Math.floor(seconds)} s` : span(seconds)} ago`;
}

/** `12.3 s`, `4 min`, `3 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `12 B`, `3.4 kB`, `5.6 MB`: powers of 1000. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${["", "k", "M", "G", "T"][power] ?? ""}B`;
}

/** `1 file`, `2 files` */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Cut to a width, with a sign that it was. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

/** Columns as wide as their widest cell, two blanks between. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => Array.from(row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Array.from(cell).length))
      .join("  ")
      .trimEnd();
  return `${[head, ...rows].map(line).join("\n")}\n`;
}

/**
 * Microseconds since 1970 of `2h` (before now), `today`, `yesterday`, a date (`2026-11-23`) or a time (`2026-11-23T02:15`), in UTC where
 * nothing else is said. Throws `bad-usage`.
 *
 * @param option which was given this, for the error.
 * @param edge of a whole day: its first or its last moment.
 */
export function parseTime(text: string, now: number, option: string, edge: "first" | "last"): number {
  const seconds = parseSpan(text);
  if (seconds !== undefined) return (now - seconds * 1000) * 1000;
  const today = Math.floor(now / DAY) * DAY;
  const day =
    { today, yesterday: today - DAY }[text] ?? (/^\d{4}-\d\d-\d\d$/.test(text) ? isoTime(text) : NaN);
  if (!Number.isNaN(day)) return edge === "first" ? day * 1000 : (day + DAY) * 1000 - 1;
  const time = isoTime(text);
  if (Number.isNaN(time))
    throw new MitsubakoError("bad-usage", `${option} ${escapeText(text)} is no time.`, {
      remedy:
        "Write 30m, 2h, 3d, today, yesterday, a date such as 2026-11-23 or a time such as 2026-11-23T02:15.",
    });
  return time * 1000;
}

const DAY = 86_400_000;

/** Milliseconds since 1970; NaN where it is no time, or a day that no month has. */
function isoTime(text: string): number {
  const [, day = "", clock = "00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  const midnight = Date.parse(`${day}T00:00Z`);
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return NaN;
  return Date.parse(`${day}T${clock}${zone}`);
}

/** Seconds of `90`, `90s`, `5m`, `2h`, `3d`, `1w`, where a unit may be written out; undefined where it is none. */
export function parseSpan(text: string, bare = false): number | undefined {
  const [, number, unit = bare ? "s" : undefined] =
    /^(\d{1,9}(?:\.\d{1,9})?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)?$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  return (
    Number(number) * { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit[0] as "s" | "m" | "h" | "d" | "w"]
  );
}

/** A whole number from 1 on. Throws `bad-usage`. */
export function parseLimit(text: string, option = "--limit"): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new MitsubakoError("bad-usage", `${option} ${escapeText(text)} is no number of rows.`, {
      remedy: "Write 1 or more.",
    });
  return Number(text);
}

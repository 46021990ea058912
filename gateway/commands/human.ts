/** Times, sizes and tables as people read them. Everything of a stranger's is escaped before it comes here. */
import { MitsubakoError } from "../model/errors.ts";

/** Where a command prints; a test gives its own. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export const TERMINAL: Output = { stdout: process.stdout, stderr: process.stderr, now: () => Date.now() };

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
 * `2h`, `30m`, `3d` before now, or a date (`2026-11-23`) or time (`2026-11-23T02:15:00Z`), in microseconds since 1970.
 * Throws `bad-usage`.
 */
export function parseSince(text: string, now: number): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(text) ?? [];
  const factors = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;
  if (number !== undefined)
    return (now - Number(number) * 1000 * factors[unit as keyof typeof factors]) * 1000;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time))
    throw new MitsubakoError("bad-usage", `--since ${text} is no time.`, {
      remedy: "Write 30m, 2h, 3d, or a date such as 2026-11-23.",
    });
  return time * 1000;
}

/** A whole number from 1 on. Throws `bad-usage`. */
export function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new MitsubakoError("bad-usage", `--limit ${text} is no number of rows.`, {
      remedy: "Write 1 or more.",
    });
  return Number(text);
}

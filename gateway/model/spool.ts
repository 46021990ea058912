/**
 * The spool: events on their way to a webhook. The archivist appends lines to numbered segments, the courier sends them and keeps
 * how far it has come; each writes into a folder of its own, and the other only reads there. Both are confined, and neither is
 * believed more than that the other may be slow.
 */
import { closeSync, constants, fstatSync, openSync, readSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Relative to the data folder. */
export const SPOOL_FOLDER = "spool/webhook";
export const COURIER_FOLDER = "spool/courier";

/** Of the archivist's, in its folder: what did not get into the spool, or not through it. */
export const STATE_FILE = "state.json";
/** Of the courier's, in its folder. */
export const CURSOR_FILE = "cursor.json";

export interface SpoolState {
  /** Events dropped, ever. */
  readonly dropped: number;
}

/** Everything before it was taken by the receiver. */
export interface Cursor {
  readonly segment: number;
  /** Bytes. */
  readonly offset: number;
  /** Of `SpoolState.dropped`, how many the receiver was told of. */
  readonly reported: number;
}

/** As many as there are names for. */
const MOST_SEGMENTS = 1e12;

export function segmentName(segment: number): string {
  return `${String(segment).padStart(12, "0")}.jsonl`;
}

/** Numbers of the segments there are, the oldest first. */
export function segmentsIn(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d{12}\.jsonl$/.test(name))
    .map((name) => Number(name.slice(0, 12)))
    .sort((one, other) => one - other);
}

export function readCursor(folder: string): Cursor | undefined {
  const { segment, offset, reported } = readSmallJson(join(folder, CURSOR_FILE)) ?? {};
  if (!isCount(segment) || !isCount(offset) || !isCount(reported)) return undefined;
  // The archivist numbers on from it.
  return segment < MOST_SEGMENTS / 2 ? { segment, offset, reported } : undefined;
}

export function readState(folder: string): SpoolState {
  const { dropped } = readSmallJson(join(folder, STATE_FILE)) ?? {};
  return { dropped: isCount(dropped) ? dropped : 0 };
}

const MOST_BYTES = 1024;

/** Of a file that another process may have put anything in the place of. */
function readSmallJson(path: string): Record<string, unknown> | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) return undefined;
    const buffer = Buffer.alloc(MOST_BYTES);
    const value: unknown = JSON.parse(buffer.toString("utf8", 0, readSync(fd, buffer)));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not there yet, or spoiled: what it would say is begun anew, which sends twice at worst.
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

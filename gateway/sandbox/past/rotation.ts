import { gzipSync } from "node:zlib";
import type { TarFile } from "../tar.ts";
import type { Line } from "./auth-log.ts";
import { DAY, type Moment } from "./timeline.ts";

export interface LogFile {
  /** Relative to the root. */
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** Days between two rotations: 7 begins on Sundays, 1 every day. */
  readonly every: 1 | 7;
  /** Rotated files that are kept. */
  readonly kept: number;
}

/** Sunday, 4 January 1970. */
const FIRST_SUNDAY = 3 * DAY;

/**
 * A log as logrotate of Debian leaves it: the current one, `.1`, and compressed ones. `render` gives a line its time.
 * An empty one is there from the beginning.
 */
export function rotated(
  { path, uid, gid, every, kept }: LogFile,
  lines: readonly Line[],
  now: Moment,
  render: (line: Line) => string,
): TarFile[] {
  const length = every * DAY;
  const period = (at: Moment) => Math.floor((at - (every === 7 ? FIRST_SUNDAY : 0)) / length);
  const current = period(now);
  const owner = { mode: 0o640, uid, gid };
  const files: TarFile[] = [];
  // What is empty is not rotated, so numbers have no gaps.
  for (let back = 0, number = 0; back <= kept && number <= kept; back++) {
    const theirs = lines.filter(({ at }) => period(at) === current - back);
    if (theirs.length === 0 && back > 0) continue;
    const text = Buffer.from(theirs.map((line) => `${render(line)}\n`).join(""), "latin1");
    const modifiedAt = new Date(theirs.at(-1)?.at ?? beginOf(current, length, every));
    const name = number === 0 ? path : number === 1 ? `${path}.1` : `${path}.${number}.gz`;
    files.push({ ...owner, path: name, content: number > 1 ? gzipSync(text) : text, modifiedAt });
    number++;
  }
  return files;
}

function beginOf(period: number, length: number, every: 1 | 7): Moment {
  return period * length + (every === 7 ? FIRST_SUNDAY : 0);
}

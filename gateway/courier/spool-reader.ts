import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { isMissing } from "../model/missing.ts";
import { segmentName, segmentsIn } from "../model/spool.ts";

export interface Place {
  readonly segment: number;
  /** Bytes. */
  readonly offset: number;
}

/** Whole lines of one segment, that follow each other. */
export interface Batch {
  readonly lines: Buffer;
  readonly count: number;
  /** Where the next one begins. */
  readonly next: Place;
  /** Waiting would not make it larger. */
  readonly isFull: boolean;
}

export interface BatchBounds {
  readonly events: number;
  /** Bytes; the first line is taken whatever its length. */
  readonly bytes: number;
}

/** The next events of the spool from a place on; undefined: there is none. What was dropped from there on is passed over. */
export function readBatch(folder: string, from: Place, bounds: BatchBounds): Batch | undefined {
  let place = from;
  for (const segment of segmentsIn(folder)) {
    if (segment < from.segment) continue;
    if (segment > place.segment) place = { segment, offset: 0 };
    // What is written into a segment when there is a younger one already was written before that one was begun.
    const isLast = !segmentsIn(folder).some((other) => other > segment);
    const batch = readSegment(folder, place, bounds);
    if (batch !== undefined) return isLast ? batch : { ...batch, isFull: true };
    if (isLast) return undefined;
  }
  return undefined;
}

function readSegment(folder: string, from: Place, bounds: BatchBounds): Batch | undefined {
  let fd: number;
  try {
    fd = openSync(
      join(folder, segmentName(from.segment)),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    // Dropped between the look into the folder and now.
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const left = fstatSync(fd).size - from.offset;
    for (let want = Math.min(left, bounds.bytes); want > 0; want = Math.min(left, want * 4)) {
      const buffer = Buffer.alloc(want);
      const read = buffer.subarray(0, readSync(fd, buffer, 0, want, from.offset));
      const { count, end } = wholeLines(read, bounds.events);
      if (count > 0)
        return {
          lines: read.subarray(0, end),
          count,
          next: { segment: from.segment, offset: from.offset + end },
          isFull: count === bounds.events || want < left,
        };
      // A line that is longer than a batch; or not whole yet.
      if (want === left) return undefined;
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function wholeLines(bytes: Buffer, most: number): { count: number; end: number } {
  let count = 0;
  let end = 0;
  while (count < most) {
    const newline = bytes.indexOf(0x0a, end);
    if (newline === -1) break;
    end = newline + 1;
    count++;
  }
  return { count, end };
}

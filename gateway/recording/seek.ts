import { RecordingParser } from "./parser.ts";
import { findEntry, SEARCHED } from "./resync.ts";
import type { Frame } from "./sealed-form.ts";
import { lastWhere, openSource, type RecordingSource } from "./source.ts";

/** Of a recording that is not sealed, no more is read from the entry found to the time asked for. */
const NEAR = 4 * 1024 * 1024;

export interface Extent {
  /** Nanoseconds of the last whole entry; 0 when there is none. */
  readonly duration: bigint;
  /** Plain bytes, by now. */
  readonly end: number;
  readonly isSealed: boolean;
}

/**
 * Where to begin to read for all that happened from a time (nanoseconds) on: the offset of an entry at or before it; 0: of the start.
 * By the index of a sealed recording; else by halving, for which the file's middle needs no index.
 *
 * @throws RecordingDamaged, and what open(2) and read(2) give.
 */
export async function offsetAt(path: string, at: bigint): Promise<number> {
  await using source = await openSource(path);
  if (source.sealed !== undefined) return inFrames(source.sealed.index.frames, at);
  return await byHalving(source, at);
}

/** How long a recording is. Throws as `offsetAt` does. */
export async function extent(path: string): Promise<Extent> {
  await using source = await openSource(path);
  const end = await source.size();
  const frames = source.sealed?.index.frames;
  if (frames !== undefined) return { duration: frames.at(-1)?.to ?? 0n, end, isSealed: true };
  return { duration: await lastTime(source, end), end, isSealed: false };
}

function inFrames(frames: readonly Frame[], at: bigint): number {
  for (let place = lastWhere(frames, ({ from }) => from < at); place >= 0; place--) {
    const frame = frames[place];
    // Only the first frame begins with something else than an entry: the header.
    if (frame?.entryAt !== undefined && frame.from < at)
      return frame.plainAt === 0 ? 0 : frame.plainAt + frame.entryAt;
  }
  return 0;
}

async function byHalving(source: RecordingSource, at: bigint): Promise<number> {
  let low = 0;
  let high = await source.size();
  while (high - low > NEAR) {
    const middle = low + Math.floor((high - low) / 2);
    const found = await certainEntry(source, middle, high);
    if (found !== undefined && found.time < at) low = found.at;
    // Nothing found: no entry, but damage, or one of several MiB. What is before it is searched on.
    else high = middle;
  }
  return low;
}

async function certainEntry(
  source: RecordingSource,
  from: number,
  to: number,
): Promise<{ at: number; time: bigint } | undefined> {
  const buffer = Buffer.allocUnsafe(Math.min(SEARCHED, to - from));
  const found = findEntry(buffer.subarray(0, await source.read(buffer, from)));
  return found && { at: from + found.at, time: found.time };
}

/** From the last entry that is certain, or else from the start. */
async function lastTime(source: RecordingSource, end: number): Promise<bigint> {
  let from = 0;
  for (let back = 2 * SEARCHED; back < end && from === 0; back *= 2)
    from = (await certainEntry(source, end - back, end))?.at ?? 0;
  const parser = new RecordingParser(from);
  let last = 0n;
  let rest = Buffer.alloc(0);
  for (;;) {
    const buffer = Buffer.allocUnsafe(Math.max(SEARCHED, parser.wanted));
    rest.copy(buffer);
    const read = await source.read(buffer.subarray(rest.length), parser.at + rest.length);
    if (read === 0) return last;
    const bytes = buffer.subarray(0, rest.length + read);
    const start = parser.at;
    last = parser.take(bytes).at(-1)?.at ?? last;
    if (parser.damage !== undefined) return last;
    rest = Buffer.from(bytes.subarray(parser.at - start));
  }
}

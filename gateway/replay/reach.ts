import { RecordingDamaged } from "../recording/damage.ts";
import { readRawEntries } from "../recording/reader.ts";
import { findEntry, SEARCHED } from "../recording/resync.ts";
import { offsetAt } from "../recording/seek.ts";
import { lastWhere, openSource } from "../recording/source.ts";
import type { ChannelSurvey } from "./survey.ts";

/**
 * Bytes of a recording that are read again to have the screen at a time as it was. A terminal's state is what all its output
 * made of it; beyond this, what older output left on it is not looked for.
 */
export const READ_AGAIN = 1024 * 1024;
/** Of a larger one. */
const LARGE_READ_AGAIN = 256 * 1024;
/** Among bytes without an index, so much is looked at before the first entry that is certain. */
const BEFORE_IT_IS_CERTAIN = 400 * 1024;

export interface Start {
  /** Of an entry. */
  readonly offset: number;
  /** All of the channel up to the time is read from there. */
  readonly exact: boolean;
}

/** From where to read a channel to know its screen at a time (nanoseconds). */
export async function reach(path: string, channel: ChannelSurvey, at: bigint): Promise<Start> {
  const first: Start = { offset: channel.firstOffset, exact: true };
  if (at <= channel.firstAt) return first;
  const there = await offsetAt(path, at);
  if (there - channel.firstOffset <= READ_AGAIN) return first;
  const offset = await firstFrom(path, there, at);
  return { offset: await entryBefore(path, channel, offset, LARGE_READ_AGAIN), exact: false };
}

/** What `offsetAt` gives may be megabytes early, and to pass over them costs less than to make a screen of them. */
async function firstFrom(path: string, from: number, at: bigint): Promise<number> {
  let offset = from;
  try {
    for await (const entry of readRawEntries(path, { from })) {
      offset = entry.offset;
      if (entry.at >= at) break;
    }
  } catch (error) {
    // Up to the damage there is something to be seen.
    if (!(error instanceof RecordingDamaged)) throw error;
  }
  return offset;
}

/** Offset of an entry about so many bytes before another one; of the channel's first where that is nearer. */
export async function entryBefore(
  path: string,
  channel: ChannelSurvey,
  offset: number,
  bytes: number,
): Promise<number> {
  const wanted = offset - bytes;
  if (wanted <= channel.firstOffset) return channel.firstOffset;
  await using source = await openSource(path);
  if (source.sealed === undefined) {
    const searched = wanted - BEFORE_IT_IS_CERTAIN;
    if (searched <= channel.firstOffset) return channel.firstOffset;
    const buffer = Buffer.allocUnsafe(Math.min(SEARCHED, offset - searched));
    const found = findEntry(buffer.subarray(0, await source.read(buffer, searched)));
    return found === undefined ? offset : searched + found.at;
  }
  const { frames } = source.sealed.index;
  for (let place = lastWhere(frames, ({ plainAt }) => plainAt <= wanted); place >= 0; place -= 1) {
    const frame = frames[place];
    // Only the first frame begins with something else than an entry: the header.
    if (frame?.entryAt !== undefined) return Math.max(channel.firstOffset, frame.plainAt + frame.entryAt);
  }
  return channel.firstOffset;
}

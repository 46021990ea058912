import { readEntries } from "../recording/reader.ts";
import { channelEvent, type ChannelEvent } from "./streams.ts";
import type { ChannelSurvey } from "./survey.ts";

/** With the offset of its entry. */
export type PlacedEvent = ChannelEvent & { readonly offset: number };

export interface ChannelReadOptions {
  /** Offset of an entry; of the channel's first if absent. */
  readonly from?: number;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** Told when the recording was read to its end, and whether it was cut there. */
  readonly atEnd?: (cut: boolean) => void;
}

/**
 * A channel's events in order, up to the second of its closes: what stands after it, damage even, is no concern of it.
 * Ends without an error when the signal says so.
 */
export async function* readChannel(
  path: string,
  { channel, firstOffset, lastOffset, whole }: ChannelSurvey,
  { from = firstOffset, follow = false, signal, atEnd }: ChannelReadOptions,
): AsyncGenerator<PlacedEvent, void, undefined> {
  const entries = readEntries(path, { from, follow, ...(signal === undefined ? {} : { signal }) });
  let closes = 0;
  for await (const entry of entries) {
    const event = entry.type === "packet" && entry.channel === channel ? channelEvent(entry) : undefined;
    if (event !== undefined) yield { ...event, offset: entry.offset };
    if (event?.kind === "closed") closes += 1;
    if (closes === 2 || (whole && entry.offset >= lastOffset)) return;
  }
  if (signal?.aborted !== true) atEnd?.(entries.tail?.cut ?? true);
}

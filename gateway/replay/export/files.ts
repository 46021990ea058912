import { GrowingFiles } from "../../evidence/growing-files.ts";
import { MitsubakoError } from "../../model/errors.ts";
import { parseConnectionMessage } from "../../ssh/messages/message.ts";
import { ChannelFiles } from "./channel-files.ts";
import { FileStore } from "./file-store.ts";
import type { Source } from "./source.ts";
import { timeOfDay } from "./time-of-day.ts";

/** Channels that are looked into at once; sshd has ten sessions, and a forward has no files. */
const MOST_CHANNELS = 64;

/** How many files there were, and how many of them there was no room for. */
export interface FilesTold {
  readonly count: number;
  readonly leftOut: number;
}

/**
 * Writes all files that were transferred in the session, or in one channel of it, into a folder that is new and empty. Rejects with
 * `not-found` when there was none.
 */
export async function files(source: Source, folder: string, channel: number | undefined): Promise<FilesTold> {
  const { startedAt } = source.opened;
  const store = new FileStore(folder);
  const growing = new GrowingFiles((file) => store.add({ ...file, at: timeOfDay(startedAt, file.at) }));
  const channels = new Map<number, ChannelFiles>();
  for await (const entry of source.entries()) {
    if (entry.type !== "packet" || entry.channel === 0) continue;
    if (channel !== undefined && entry.channel !== channel) continue;
    const message = parseConnectionMessage(entry.payload);
    if (message.kind === "malformed") continue;
    if (message.kind === "channel-open") {
      if (message.open.kind === "session" && channels.size < MOST_CHANNELS)
        channels.set(entry.channel, new ChannelFiles(entry.channel, store, growing));
      continue;
    }
    const one = channels.get(entry.channel);
    if (one === undefined) continue;
    one.message(entry.from, message, entry.at, timeOfDay(startedAt, entry.at));
    if (one.over) channels.delete(entry.channel);
  }
  for (const one of channels.values()) one.end();
  growing.finish();
  store.finish();
  if (store.count === 0 && !source.signal.aborted)
    throw new MitsubakoError("not-found", "No file was transferred in this session.", {
      remedy: "`mitsubako files` lists what was found in its sandbox.",
    });
  return { count: store.count, leftOut: store.leftOut };
}

import type { ByteString } from "../model/bytes.ts";
import type { Origin } from "../model/entries.ts";
import { RecordingDamaged } from "../recording/damage.ts";
import { readEntries } from "../recording/reader.ts";
import type { WindowSize } from "../ssh/messages/channel-request.ts";
import { channelEvent, type ChannelEvent } from "./streams.ts";

/** Bytes kept of a command: enough to show it in a line. */
const MOST_OF_A_COMMAND = 400;
/** Channels told apart; whoever opens more than that in one session does not use them. */
const MOST_CHANNELS = 20_000;

/** What a channel was, to choose by and to head it with. */
export interface ChannelSurvey {
  readonly channel: number;
  type: ByteString;
  by: Origin;
  /** Set by a pty request: the size it began with. */
  terminal?: { readonly term: ByteString; readonly size: WindowSize };
  started?:
    | { readonly how: "shell" }
    | { readonly how: "exec" | "subsystem"; readonly what: ByteString; readonly whole: boolean };
  outcome?: { readonly status: number } | { readonly signal: ByteString };
  /** Bytes from the sandbox, standard error included. */
  output: number;
  /** Entries of this channel stand in the recording from here to there. */
  readonly firstOffset: number;
  lastOffset: number;
}

export interface Survey {
  /** In the order of their opens. */
  readonly channels: readonly ChannelSurvey[];
  /** The session did not end in order: its writer was killed, or still writes. */
  readonly cut: boolean;
  /** What stands before it was surveyed. */
  readonly damage?: RecordingDamaged;
}

/** Reads all of a recording, for what it holds. */
export async function surveyChannels(path: string, signal: AbortSignal): Promise<Survey> {
  const channels = new Map<number, ChannelSurvey>();
  const entries = readEntries(path, { signal });
  try {
    for await (const entry of entries) {
      if (entry.type !== "packet") continue;
      const event = channelEvent(entry);
      if (event === undefined) continue;
      let survey = channels.get(event.channel);
      if (survey === undefined) {
        if (event.kind !== "opened" || channels.size >= MOST_CHANNELS) continue;
        const { channel, type, by } = event;
        survey = { channel, type, by, output: 0, firstOffset: entry.offset, lastOffset: entry.offset };
        channels.set(channel, survey);
      }
      survey.lastOffset = entry.offset;
      note(survey, event);
    }
  } catch (error) {
    if (!(error instanceof RecordingDamaged)) throw error;
    return { channels: [...channels.values()], cut: false, damage: error };
  }
  return { channels: [...channels.values()], cut: entries.tail?.cut ?? true };
}

function note(survey: ChannelSurvey, event: ChannelEvent): void {
  switch (event.kind) {
    case "terminal":
      survey.terminal ??= { term: event.term, size: event.size };
      break;
    case "shell":
      survey.started ??= { how: "shell" };
      break;
    case "exec":
      survey.started ??= { how: "exec", ...shortened(event.command) };
      break;
    case "subsystem":
      survey.started ??= { how: "subsystem", ...shortened(event.subsystem) };
      break;
    case "output":
    case "error-output":
      survey.output += event.data.length;
      break;
    case "exited":
      survey.outcome ??= { status: event.status };
      break;
    case "killed":
      survey.outcome ??= { signal: event.signal };
      break;
    case "opened":
    case "resized":
    case "input":
    case "end-of-file":
    case "closed":
      break;
    default:
      event satisfies never;
  }
}

function shortened(text: ByteString): { what: ByteString; whole: boolean } {
  return { what: text.slice(0, MOST_OF_A_COMMAND) as ByteString, whole: text.length <= MOST_OF_A_COMMAND };
}

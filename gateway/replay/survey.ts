import type { ByteString } from "../model/bytes.ts";
import type { Origin } from "../model/entries.ts";
import { parseMicros } from "../model/timestamps.ts";
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
  /** Their times, in nanoseconds since the session's start. */
  readonly firstAt: bigint;
  lastAt: bigint;
  /** Who closed it. */
  readonly closed: Set<Origin>;
  /** All of it was read. */
  whole: boolean;
}

/** How far to read on. */
export interface Far {
  /** Asked after each entry of a channel, with that channel. */
  readonly until?: (channel: ChannelSurvey) => boolean;
  /** Bytes of the recording. */
  readonly most?: number;
  /** At its end, wait for more. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** What a recording holds, as far as it was read: a large one need not be read to its end before it is played. */
export class Survey {
  readonly #path: string;
  readonly #lives: boolean;
  readonly #channels = new Map<number, ChannelSurvey>();
  /** Of the last entry that was read. */
  #last = -1;
  /** It was read to its end, or to where it is damaged; of one that lives, its end must have come. */
  complete = false;
  /** The session did not end in order: its writer was killed, or still writes. Told once it is complete. */
  cut = false;
  /** What stands before it was surveyed. */
  damage: RecordingDamaged | undefined;
  /** Microseconds since 1970; NaN while it is not known. */
  startedAt = NaN;

  /** @param lives more may be written to it. */
  constructor(path: string, lives = false) {
    this.#path = path;
    this.#lives = lives;
  }

  /** In the order of their opens. */
  get channels(): readonly ChannelSurvey[] {
    return [...this.#channels.values()];
  }

  async readOn({ until, most = Infinity, follow = false, signal }: Far = {}): Promise<void> {
    if (this.complete) return;
    const from = Math.max(0, this.#last);
    const entries = readEntries(this.#path, { from, follow, ...(signal === undefined ? {} : { signal }) });
    try {
      for await (const entry of entries) {
        if (entry.offset <= this.#last) continue;
        this.#last = entry.offset;
        if (entry.type === "packet") {
          const event = channelEvent(entry);
          const channel = event === undefined ? undefined : this.#note(event, entry.offset);
          if (channel !== undefined && until?.(channel) === true) return;
        } else if (entry.fact.kind === "session-opened") {
          this.startedAt = parseMicros(entry.fact.startedAt);
        }
        if (entry.offset - from > most) return;
      }
    } catch (error) {
      if (!(error instanceof RecordingDamaged)) throw error;
      this.#finished(false);
      this.damage = error;
      return;
    }
    const cut = entries.tail?.cut ?? true;
    if (signal?.aborted !== true && !(this.#lives && cut)) this.#finished(cut);
  }

  #finished(cut: boolean): void {
    this.complete = true;
    this.cut = cut;
    for (const channel of this.#channels.values()) channel.whole = true;
  }

  /** Undefined: of no channel that is told apart. */
  #note(event: ChannelEvent, offset: number): ChannelSurvey | undefined {
    let survey = this.#channels.get(event.channel);
    if (survey === undefined) {
      if (event.kind !== "opened" || this.#channels.size >= MOST_CHANNELS) return undefined;
      survey = opened(event, offset);
      this.#channels.set(event.channel, survey);
    }
    survey.lastOffset = offset;
    survey.lastAt = event.at;
    note(survey, event);
    return survey;
  }
}

/** Reads all of a recording, for what it holds. */
export async function surveyChannels(path: string, signal: AbortSignal): Promise<Survey> {
  const survey = new Survey(path);
  await survey.readOn({ signal });
  return survey;
}

function opened({ channel, type, by, at }: ChannelEvent & { kind: "opened" }, offset: number): ChannelSurvey {
  return {
    ...{ channel, type, by },
    output: 0,
    firstOffset: offset,
    lastOffset: offset,
    firstAt: at,
    lastAt: at,
    closed: new Set(),
    whole: false,
  };
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
    case "closed":
      survey.closed.add(event.from);
      survey.whole = survey.closed.size === 2;
      break;
    case "opened":
    case "resized":
    case "input":
    case "end-of-file":
      break;
    default:
      event satisfies never;
  }
}

function shortened(text: ByteString): { what: ByteString; whole: boolean } {
  return { what: text.slice(0, MOST_OF_A_COMMAND) as ByteString, whole: text.length <= MOST_OF_A_COMMAND };
}

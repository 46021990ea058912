import { SessionObserver } from "../../evidence/session-observer.ts";
import type { ByteString } from "../../model/bytes.ts";
import { channelEvent, type ChannelEvent } from "../streams.ts";
import type { ChannelSurvey } from "../survey.ts";
import type { Source } from "./source.ts";
import { timeOf } from "./time-of-day.ts";

/** What happened on a channel, and the commands that were read out of its bytes. */
export type StoryEvent =
  ChannelEvent | { readonly kind: "command"; readonly at: bigint; readonly text: ByteString };

/** One channel of a recording, to be written in a form that knows one terminal. */
export interface Story {
  readonly survey: ChannelSurvey;
  readonly session: string;
  /** Microseconds since 1970 at the channel's opening; its events' `at` count from the session's start, as everywhere. */
  readonly micros: (at: bigint) => number;
  readonly events: AsyncIterable<StoryEvent>;
}

/** @param commands also tell commands, each when it was entered. It costs a look at every byte. */
export function storyOf(source: Source, survey: ChannelSurvey, commands: boolean): Story {
  const { startedAt, session } = source.opened;
  return {
    survey,
    session,
    micros: (at) => timeOf(startedAt, at),
    events: tell(source, survey, commands),
  };
}

async function* tell(
  source: Source,
  { channel, firstOffset, lastOffset }: ChannelSurvey,
  commands: boolean,
): AsyncGenerator<StoryEvent> {
  const observer = commands ? new SessionObserver() : undefined;
  for await (const entry of source.entries({ from: firstOffset, to: lastOffset })) {
    if (entry.type !== "packet" || entry.channel !== channel) continue;
    for (const seen of observer?.push(entry) ?? [])
      if (seen.kind === "command") yield { kind: "command", at: entry.at, text: seen.text };
    const event = channelEvent(entry);
    if (event !== undefined) yield event;
  }
}

import { showable } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { ChannelSurvey, Far, Survey } from "./survey.ts";

/** Of a recording, to find what to play; most are smaller. */
const LOOKED_AHEAD = 1024 * 1024;
/** Of a channel that nothing was started on, to know it well enough. */
const ENOUGH_OF_A_CHANNEL = 64 * 1024;

/** A channel's number, all that were started, or the default: the first with a terminal, else all that were started. */
export type Asked = number | "all" | undefined;

export interface Chosen {
  /** In turn. A large recording is read on for the next one only when it is wanted. */
  readonly channels: AsyncIterable<ChannelSurvey>;
  /** Whether there may be more than one. */
  readonly several: boolean;
}

/** What to play. Rejects with `not-found` when there is nothing. */
export async function chooseChannels(survey: Survey, asked: Asked, far: Far): Promise<Chosen> {
  if (typeof asked === "number") return { channels: one(await theOne(survey, asked, far)), several: false };
  await survey.readOn({ ...far, follow: false, most: LOOKED_AHEAD });
  if (!survey.channels.some(wasStarted)) await survey.readOn({ ...far, until: wasStarted });
  if (far.signal?.aborted === true) return { channels: inTurn(survey, far), several: false };
  const terminal = survey.channels.find((channel) => channel.terminal !== undefined && wasStarted(channel));
  if (terminal !== undefined && asked === undefined) return { channels: one(terminal), several: false };
  const started = survey.channels.filter(wasStarted);
  if (started.length > 0)
    return { channels: inTurn(survey, far), several: started.length > 1 || !survey.complete };
  if (survey.damage !== undefined && survey.channels.length === 0) throw survey.damage;
  throw new MitsubakoError(
    "not-found",
    "Nothing was started in this session, so there is nothing to play.",
    survey.channels.length === 0
      ? {}
      : { remedy: `--channel N plays one of these:\n${list(survey.channels)}` },
  );
}

/** The channel next to this one among those that were started, after it or before it. */
export async function neighbour(
  survey: Survey,
  from: number,
  by: 1 | -1,
  far: Far,
): Promise<ChannelSurvey | undefined> {
  const isNext = (channel: ChannelSurvey) => wasStarted(channel) && channel.channel > from;
  if (by === 1 && !survey.channels.some(isNext)) await survey.readOn({ ...far, until: isNext });
  return by === 1
    ? survey.channels.find(isNext)
    : survey.channels.findLast((channel) => wasStarted(channel) && channel.channel < from);
}

async function theOne(survey: Survey, asked: number, far: Far): Promise<ChannelSurvey> {
  await survey.readOn({
    ...far,
    until: (channel) =>
      channel.channel === asked &&
      (wasStarted(channel) || channel.lastOffset - channel.firstOffset > ENOUGH_OF_A_CHANNEL),
  });
  const found = survey.channels.find(({ channel }) => channel === asked);
  if (found !== undefined) return found;
  if (survey.damage !== undefined && survey.channels.length === 0) throw survey.damage;
  throw new MitsubakoError("not-found", `This session has no channel ${asked}.`, {
    remedy: survey.channels.length === 0 ? "It has none at all." : `It has these:\n${list(survey.channels)}`,
  });
}

async function* one(channel: ChannelSurvey): AsyncGenerator<ChannelSurvey> {
  yield await Promise.resolve(channel);
}

async function* inTurn(survey: Survey, far: Far): AsyncGenerator<ChannelSurvey> {
  let next = await neighbour(survey, 0, 1, far);
  while (next !== undefined) {
    yield next;
    if (far.signal?.aborted === true) return;
    next = await neighbour(survey, next.channel, 1, far);
  }
}

function wasStarted({ started }: ChannelSurvey): boolean {
  return started !== undefined;
}

export function list(channels: readonly ChannelSurvey[]): string {
  const shown = channels.slice(0, 50).map((channel) => `  ${describe(channel)}`);
  if (channels.length > shown.length) shown.push(`  and ${channels.length - shown.length} more`);
  return shown.join("\n");
}

/** One line, safe on a terminal. */
export function describe({
  channel,
  type,
  started,
  terminal,
  outcome,
  output,
  whole,
}: ChannelSurvey): string {
  const parts = [`channel ${channel}`];
  if (started === undefined) parts.push(showable(type));
  else if (started.how === "shell") parts.push("shell");
  else parts.push(`${started.how}: ${showable(started.what)}${started.whole ? "" : "..."}`);
  if (terminal !== undefined) parts.push(`terminal ${terminal.size.columns}x${terminal.size.rows}`);
  if (outcome !== undefined)
    parts.push("status" in outcome ? `exit ${outcome.status}` : `killed by ${showable(outcome.signal)}`);
  // Of a large recording it is not known before it was played.
  if (whole) parts.push(`${output} bytes of output`);
  return parts.join(", ");
}

import { showable } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { ChannelSurvey } from "./survey.ts";

/**
 * What to play: the channel asked for; else the first with a terminal; else everything that was executed or started, in turn.
 * Throws `not-found` when there is nothing.
 */
export function chooseChannels(
  channels: readonly ChannelSurvey[],
  asked: number | undefined,
): ChannelSurvey[] {
  if (asked !== undefined) {
    const found = channels.find(({ channel }) => channel === asked);
    if (found !== undefined) return [found];
    throw new MitsubakoError("not-found", `This session has no channel ${asked}.`, {
      remedy: channels.length === 0 ? "It has none at all." : `It has these:\n${list(channels)}`,
    });
  }
  const terminal = channels.find(
    (channel) => channel.terminal !== undefined && channel.started !== undefined,
  );
  if (terminal !== undefined) return [terminal];
  const started = channels.filter((channel) => channel.started !== undefined);
  if (started.length > 0) return started;
  throw new MitsubakoError(
    "not-found",
    "Nothing was started in this session, so there is nothing to play.",
    channels.length === 0 ? {} : { remedy: `--channel N plays one of these:\n${list(channels)}` },
  );
}

export function list(channels: readonly ChannelSurvey[]): string {
  const shown = channels.slice(0, 50).map((channel) => `  ${describe(channel)}`);
  if (channels.length > shown.length) shown.push(`  and ${channels.length - shown.length} more`);
  return shown.join("\n");
}

/** One line, safe on a terminal. */
export function describe({ channel, type, started, terminal, outcome, output }: ChannelSurvey): string {
  const parts = [`channel ${channel}`];
  if (started === undefined) parts.push(showable(type));
  else if (started.how === "shell") parts.push("shell");
  else parts.push(`${started.how}: ${showable(started.what)}${started.whole ? "" : "..."}`);
  if (terminal !== undefined) parts.push(`terminal ${terminal.size.columns}x${terminal.size.rows}`);
  if (outcome !== undefined)
    parts.push("status" in outcome ? `exit ${outcome.status}` : `killed by ${showable(outcome.signal)}`);
  parts.push(`${output} bytes of output`);
  return parts.join(", ");
}

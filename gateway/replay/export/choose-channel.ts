import { MitsubakoError } from "../../model/errors.ts";
import { list } from "../choose.ts";
import type { ChannelSurvey } from "../survey.ts";

/**
 * The one channel that a form with one terminal is made of: the one asked for; else the first with a terminal; else the only one on
 * which something was started. Throws `not-found` when there is none, `bad-usage` when there are several.
 */
export function chooseChannel(channels: readonly ChannelSurvey[], asked: number | undefined): ChannelSurvey {
  const started = channels.filter((channel) => channel.started !== undefined);
  const chosen =
    asked === undefined
      ? (started.find(({ terminal }) => terminal !== undefined) ?? started[0])
      : channels.find(({ channel }) => channel === asked);
  if (chosen === undefined)
    throw new MitsubakoError(
      "not-found",
      asked === undefined
        ? "Nothing was started in this session, so there is no terminal to tell of."
        : `This session has no channel ${asked}.`,
      {
        remedy:
          channels.length === 0
            ? "It has no channel at all."
            : `It has these (--channel N):\n${list(channels)}`,
      },
    );
  if (asked === undefined && chosen.terminal === undefined && started.length > 1)
    throw new MitsubakoError("bad-usage", "This format holds one channel, and this session has several.", {
      remedy: `Choose one with --channel:\n${list(started)}`,
    });
  return chosen;
}

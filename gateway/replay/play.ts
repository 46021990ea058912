import { MitsubakoError } from "../model/errors.ts";
import { chooseChannels, list } from "./choose.ts";
import { locate, type FindRecording } from "./locate.ts";
import type { PlayOptions, PlayStreams } from "./play-options.ts";
import { Player } from "./player.ts";
import { stopping } from "./stopping.ts";
import { surveyChannels } from "./survey.ts";

/**
 * Plays a session as it was seen. Resolves to the exit code: 0, or 1 when the recording is damaged (what stands before
 * the damage was played), or 128 and the signal's number when a signal stopped it.
 * Rejects with `not-found`, `bad-usage`, `recording-damaged` (nothing at all could be played).
 */
export async function playCommand(
  options: PlayOptions,
  streams: PlayStreams,
  find: FindRecording,
): Promise<number> {
  check(options);
  const { stdout, stderr } = streams;
  const path = await locate(options.session, find);
  using stop = stopping(stdout);
  const survey = await surveyChannels(path, stop.signal);
  if (stop.stopped()) return stop.code;
  if (survey.damage !== undefined && survey.channels.length === 0) throw survey.damage;

  const channels = chooseChannels(survey.channels, options.channel);
  const exact = options.raw === true && stdout.isTTY !== true;
  if (options.raw === true && !exact)
    stderr.write("Standard output is a terminal, which gets no raw bytes of strangers: --raw is left out.\n");
  if (exact && channels.length > 1)
    throw new MitsubakoError("bad-usage", "--raw writes one channel, and this session has several.", {
      remedy: `Choose one with --channel:\n${list(channels)}`,
    });

  const player = new Player(path, options, streams, stop);
  for (const channel of channels) {
    if (stop.stopped()) break;
    if (exact) await player.copyOut(channel);
    else await player.show(channel, channels.length > 1);
  }
  await player.flush();
  if (stop.stopped()) return stop.code;
  if (survey.cut) stderr.write("The recording was cut off here: the session did not end in order.\n");
  if (survey.damage === undefined) return 0;
  stderr.write(`${survey.damage.message} What stands before that was played.\n`);
  return 1;
}

function check({ speed, idleLimit, channel }: PlayOptions): void {
  if (speed !== undefined && !(speed > 0 && Number.isFinite(speed)))
    throw new MitsubakoError("bad-usage", "--speed takes a number over 0, such as 2 or 0.5.");
  if (idleLimit !== undefined && !(idleLimit >= 0 && Number.isFinite(idleLimit)))
    throw new MitsubakoError("bad-usage", "--idle-limit takes seconds, such as 2 or 0.5.");
  if (channel !== undefined && !(Number.isInteger(channel) && channel > 0))
    throw new MitsubakoError("bad-usage", "--channel takes a channel's number, from 1 on.");
}

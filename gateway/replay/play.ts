import { MitsubakoError } from "../model/errors.ts";
import { chooseChannels, describe, list, type Chosen } from "./choose.ts";
import { parseFrom, type FromTime } from "./from-time.ts";
import { locate, type FindRecording } from "./locate.ts";
import { Outlet } from "./outlet.ts";
import type { PlayOptions, PlayStreams } from "./play-options.ts";
import { Player, type Ends } from "./player.ts";
import { stopping, type Stopping } from "./stopping.ts";
import { Survey, type ChannelSurvey } from "./survey.ts";
import { Whereabouts } from "./whereabouts.ts";

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
  const from = options.from === undefined ? undefined : parseFrom(options.from);
  const { stdout, stderr } = streams;
  const path = await locate(options.session, find);
  using stop = stopping(stdout);
  const survey = new Survey(path, options.follow);
  const far = { signal: stop.signal, follow: options.follow ?? false };
  let chosen: Chosen;
  try {
    chosen = await chooseChannels(survey, options.channel, far);
  } catch (error) {
    // What was not read to its end has nothing to say of what it holds.
    if (stop.stopped()) return stop.code;
    throw error;
  }
  if (stop.stopped()) return stop.code;

  const ends =
    stdout.isTTY === true
      ? await viewed(path, survey, chosen, options, from, streams, stop, find)
      : await printed(path, survey, chosen, options, from, streams, stop);
  if (stop.stopped()) return stop.code;
  if (ends === "left") return 0;
  if (survey.cut || ends.cut)
    stderr.write("The recording was cut off here: the session did not end in order.\n");
  const damage = ends.damage ?? survey.damage;
  if (damage === undefined) return 0;
  stderr.write(`${damage.message} What stands before that was played.\n`);
  return 1;
}

/** Into a file or pipe. */
async function printed(
  path: string,
  survey: Survey,
  { channels, several }: Chosen,
  options: PlayOptions,
  from: FromTime | undefined,
  streams: PlayStreams,
  stop: Stopping,
): Promise<Ends> {
  const isRaw = options.raw === true;
  if (isRaw && several) {
    await survey.readOn({ signal: stop.signal });
    const started = survey.channels.filter((channel) => channel.started !== undefined);
    if (started.length > 1)
      throw new MitsubakoError("bad-usage", "--raw writes one channel, and this session has several.", {
        remedy: `Choose one with --channel:\n${list(started)}`,
      });
  }
  const player = new Player(path, survey, options, from, streams, stop);
  for await (const channel of channels) {
    if (stop.stopped()) break;
    if (isRaw) await player.copyOut(channel);
    else await player.show(channel, several);
  }
  await player.flush();
  return player.ends;
}

/** On a terminal. */
async function viewed(
  path: string,
  survey: Survey,
  { channels, several }: Chosen,
  options: PlayOptions,
  from: FromTime | undefined,
  streams: PlayStreams,
  stop: Stopping,
  find: FindRecording,
): Promise<Ends | "left"> {
  const { stdout, stderr } = streams;
  if (options.raw === true)
    stderr.write("Standard output is a terminal, which gets no raw bytes of strangers: --raw is left out.\n");
  const outlet = new Outlet(stdout, stop.signal);
  const recording = new Whereabouts(path, () => locate(options.session, find));
  const { Viewer } = await import("./viewer.ts");
  const viewer = new Viewer({ recording, survey, options, streams, outlet, stop });
  for await (let channel of channels) {
    for (let isFirst = true; ; isFirst = false) {
      if (several || !isFirst) outlet.put(`--- ${describe(channel)}\n`);
      else if (options.status === false) sayOtherSize(channel, options, streams);
      const leaving = await viewer.show(channel, isFirst ? from : undefined);
      await outlet.flush();
      if (leaving === "quit" || (leaving === "ended" && !isFirst))
        return leaving === "quit" ? "left" : viewer.ends;
      if (leaving === "ended") break;
      channel = leaving;
    }
  }
  return viewer.ends;
}

function sayOtherSize({ terminal }: ChannelSurvey, { resize }: PlayOptions, streams: PlayStreams): void {
  const { stdout, stderr } = streams;
  if (terminal === undefined || resize === true) return;
  const { columns, rows } = terminal.size;
  if (columns === stdout.columns && rows === stdout.rows) return;
  stderr.write(
    `The recorded terminal was ${columns}x${rows}, yours is ${stdout.columns ?? 0}x${stdout.rows ?? 0}: things may stand in other places. --resize asks yours to follow.\n`,
  );
}

function check({ speed, idleLimit, channel }: PlayOptions): void {
  if (speed !== undefined && !(speed > 0 && Number.isFinite(speed)))
    throw new MitsubakoError("bad-usage", "--speed takes a number over 0, such as 2 or 0.5.");
  if (idleLimit !== undefined && !(idleLimit >= 0 && Number.isFinite(idleLimit)))
    throw new MitsubakoError("bad-usage", "--idle-limit takes seconds, such as 2 or 0.5.");
  if (typeof channel === "number" && !(Number.isInteger(channel) && channel > 0))
    throw new MitsubakoError("bad-usage", "--channel takes a channel's number, from 1 on, or all.");
}

import { RecordingDamaged } from "../recording/damage.ts";
import { extent, offsetAt } from "../recording/seek.ts";
import { readChannel, type PlacedEvent } from "./channel-reader.ts";
import { describe } from "./choose.ts";
import { timeOf, type FromTime, type Span } from "./from-time.ts";
import { TerminalGuard } from "./guard.ts";
import { isUtf8 } from "./locale.ts";
import { Outlet } from "./outlet.ts";
import { Pace } from "./pace.ts";
import type { PlayOptions, PlayStreams } from "./play-options.ts";
import type { Stopping } from "./stopping.ts";
import type { ChannelSurvey, Survey } from "./survey.ts";

/** How reading stopped, where that is known. */
export interface Ends {
  cut: boolean;
  damage: RecordingDamaged | undefined;
}

/** Writes channels of one recording into a file or pipe, one after the other. */
export class Player {
  readonly #path: string;
  readonly #options: PlayOptions;
  readonly #from: FromTime | undefined;
  readonly #outlet: Outlet;
  readonly #pace: Pace;
  readonly #streams: PlayStreams;
  readonly #stop: Stopping;
  readonly #survey: Survey;
  readonly ends: Ends = { cut: false, damage: undefined };

  constructor(
    path: string,
    survey: Survey,
    options: PlayOptions,
    from: FromTime | undefined,
    streams: PlayStreams,
    stop: Stopping,
  ) {
    this.#path = path;
    this.#survey = survey;
    this.#options = options;
    this.#from = from;
    this.#streams = streams;
    this.#stop = stop;
    this.#outlet = new Outlet(streams.stdout, stop.signal);
    this.#pace = new Pace(options);
    stop.signal.addEventListener("abort", () => {
      this.#pace.stop();
    });
  }

  /** A channel's output at its pace, through the guard. */
  async show(survey: ChannelSurvey, headed: boolean): Promise<void> {
    if (headed) await this.#outlet.write(Buffer.from(`--- ${describe(survey)}\n`));
    const guard = new TerminalGuard({ utf8: isUtf8() });
    const pace = this.#pace;
    let first = true;
    for await (const event of this.#events(survey)) {
      if (first) pace.jump(event.at);
      first = false;
      // What is followed came when it came.
      if (this.#options.follow !== true && !(await pace.until(event.at))) break;
      if (event.kind === "output" || event.kind === "error-output")
        await this.#outlet.write(guard.write(event.data));
    }
  }

  /** A channel's output to the byte. Standard error, where it is kept apart, goes to ours. */
  async copyOut(survey: ChannelSurvey): Promise<void> {
    const guard = new TerminalGuard({ utf8: isUtf8() });
    for await (const event of this.#events(survey)) {
      if (event.kind === "output") await this.#outlet.write(event.data);
      else if (event.kind === "error-output") this.#streams.stderr.write(guard.write(event.data));
    }
  }

  flush(): Promise<void> {
    return this.#outlet.flush();
  }

  async *#events(survey: ChannelSurvey): AsyncGenerator<PlacedEvent> {
    const start = await this.#start(survey);
    const from = start <= survey.firstAt ? survey.firstOffset : await offsetAt(this.#path, start);
    const events = readChannel(this.#path, survey, {
      from: Math.max(from, survey.firstOffset),
      follow: this.#options.follow ?? false,
      signal: this.#stop.signal,
      atEnd: (cut) => {
        this.ends.cut = cut;
      },
    });
    try {
      for await (const event of events) if (event.at >= start) yield event;
    } catch (error) {
      if (!(error instanceof RecordingDamaged)) throw error;
      this.ends.damage = error;
    }
  }

  async #start(survey: ChannelSurvey): Promise<bigint> {
    const isTail = this.#options.follow === true && this.#options.raw !== true;
    if (this.#from === undefined && !isTail) return survey.firstAt;
    const span = await spanOf(this.#path, survey);
    // After what there is by now.
    return this.#from === undefined ? span.to + 1n : timeOf(this.#from, span, this.#survey.startedAt);
  }
}

/** From a channel's first to its last event; if that was not read yet, to the end of the recording. */
export async function spanOf(path: string, { firstAt, lastAt, whole }: ChannelSurvey): Promise<Span> {
  return { from: firstAt, to: whole ? lastAt : (await extent(path)).duration };
}

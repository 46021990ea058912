import { escapeText, showable } from "../model/bytes.ts";
import { extent } from "../recording/seek.ts";
import { neighbour } from "./choose.ts";
import { Console } from "./console.ts";
import type { Command } from "./controls.ts";
import { shareOf, timeOf, within, type FromTime } from "./from-time.ts";
import type { Marks } from "./marks.ts";
import type { Outlet } from "./outlet.ts";
import { Pace } from "./pace.ts";
import type { PlayOptions, PlayStreams } from "./play-options.ts";
import { Playback, type Jump } from "./playback.ts";
import { spanOf, type Ends } from "./player.ts";
import { searchBackward, searchForward } from "./search.ts";
import { Stage } from "./stage.ts";
import { inputLine, statusLine } from "./status-line.ts";
import type { Stopping } from "./stopping.ts";
import type { ChannelSurvey, Survey } from "./survey.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** Why the showing of a channel is over: it ended, the operator has seen enough, or wants another one. */
export type Leaving = "ended" | "quit" | ChannelSurvey;

/** Our own line tells the time about so often. */
const REFRESHED_MS = 200;

export interface Viewed {
  readonly recording: Whereabouts;
  readonly survey: Survey;
  readonly options: PlayOptions;
  readonly streams: PlayStreams;
  readonly outlet: Outlet;
  readonly stop: Stopping;
}

/** Shows channels on the operator's terminal, and goes where the keys say. */
export class Viewer {
  readonly ends: Ends = { cut: false, damage: undefined };
  readonly #viewed: Viewed;
  readonly #pace: Pace;
  readonly #console: Console;
  #marks: Marks | undefined;
  #status: boolean;
  #input: boolean;
  #searched = "";
  #stage: Stage | undefined;
  #playback: Playback | undefined;
  #leaving: Leaving = "ended";
  #failure: { readonly error: unknown } | undefined;

  constructor(viewed: Viewed) {
    this.#viewed = viewed;
    const { options, stop } = viewed;
    this.#pace = new Pace(options);
    // One that cannot place its cursor has no place for a row of ours.
    this.#status = options.status ?? process.env["TERM"] !== "dumb";
    this.#input = options.input ?? false;
    this.#console = new Console(
      () => this.#stage?.view,
      (command) => {
        this.#obey(command);
      },
      (text) => {
        this.#searched = text;
        this.#search(1);
      },
    );
    stop.signal.addEventListener("abort", () => {
      this.#pace.stop();
    });
  }

  /** A channel, until it ends or is left. */
  async show(channel: ChannelSurvey, from: FromTime | undefined): Promise<Leaving> {
    const { recording, survey, options, streams, outlet, stop } = this.#viewed;
    const span = await spanOf(await recording.path(), channel);
    const follow = options.follow ?? false;
    // From its start, the first event alone is there at once: what came at the same time is played.
    let start: Jump = { at: channel.firstAt, offset: channel.firstOffset };
    if (from !== undefined) start = { at: timeOf(from, span, survey.startedAt) };
    else if (follow) start = { at: span.to };
    this.#leaving = "ended";
    using stage = new Stage(channel, streams, outlet, {
      drawn: this.#status && channel.terminal !== undefined,
      resize: options.resize ?? false,
      rows: (columns) => this.#rows(columns),
      covered: () => this.#console.isOpen || (this.#status && this.#pace.paused),
      key: (key) => {
        this.#console.key(key);
        this.#stage?.refresh();
      },
    });
    this.#stage = stage;
    const mayStand = streams.stdin.isTTY === true;
    const watched = { follow, mayStand, signal: stop.signal };
    this.#playback = new Playback(recording, channel, span, this.#pace, stage, this.ends, watched);
    const refreshing = setInterval(() => {
      if (stage.view.covered) stage.refresh();
    }, REFRESHED_MS);
    try {
      await this.#playback.run(start);
    } finally {
      clearInterval(refreshing);
      this.#console.close();
      this.#stage = undefined;
      this.#playback = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return stop.stopped() ? "quit" : this.#leaving;
  }

  #rows(columns: number): string[] {
    const playback = this.#playback;
    if (playback === undefined || !(this.#status || this.#console.isOpen)) return [];
    const { channel, span, isApproximate } = playback;
    const line = statusLine({
      at: within(span, playback.now),
      span,
      state: playback.isAtEnd ? "end" : this.#pace.paused ? "paused" : playback.isLive ? "live" : "playing",
      speed: this.#pace.speed,
      channel: `channel ${channel.channel}`,
      isApproximate,
      message: this.#console.line,
    });
    const typed = this.#input ? [inputLine(this.#stage?.typed ?? new Uint8Array(), columns)] : [];
    return [...typed, line];
  }

  #obey(command: Command): void {
    const playback = this.#playback;
    if (playback === undefined) return;
    const { span, now } = playback;
    switch (command.kind) {
      case "pause":
        this.#pace.pause(!this.#pace.paused);
        break;
      case "step":
        this.#pace.step();
        break;
      case "speed":
        if (command.factor === undefined) this.#pace.setSpeed(1);
        else this.#pace.changeSpeed(command.factor);
        break;
      case "by":
        playback.jump({ at: within(span, now + command.nanoseconds) });
        break;
      case "by-share":
        playback.jump({ at: within(span, now + shareOf(span, command.share) - span.from) });
        break;
      case "to-share":
        playback.jump({ at: shareOf(span, command.share) });
        break;
      case "live":
        this.#toNow(playback);
        break;
      case "hit":
        if (this.#searched !== "") this.#search(command.direction);
        break;
      case "command":
        this.#toCommand(playback, command.direction);
        break;
      case "channel":
        this.#toChannel(playback, command.direction);
        break;
      case "input":
        this.#input = !this.#input;
        break;
      case "status":
        this.#status = !this.#status;
        break;
      case "help":
        this.#console.openHelp();
        break;
      case "search":
        this.#console.openPrompt();
        break;
      case "redraw":
        this.#stage?.view.repaint();
        break;
      case "quit":
        this.#leaving = "quit";
        playback.leave();
        break;
      default:
        command satisfies never;
    }
  }

  #search(direction: 1 | -1): void {
    const playback = this.#playback;
    if (playback === undefined) return;
    const text = this.#searched;
    const find = direction === 1 ? searchForward : searchBackward;
    this.#inBackground(async () => {
      const { channel, place } = playback;
      const path = await this.#viewed.recording.path();
      this.#pace.pause(true);
      const hit = await this.#look(`/${escapeText(text)}`, (signal) =>
        find(path, channel, text, place, signal),
      );
      if (hit === undefined) return;
      this.#console.message = `/${escapeText(text)}: in the ${hit.where}`;
      playback.jump(hit);
    });
  }

  #toCommand(playback: Playback, direction: 1 | -1): void {
    this.#inBackground(async () => {
      const { channel, place } = playback;
      const what = direction === 1 ? "next command" : "command before";
      const mark = await this.#look(what, async (signal) => {
        // What finds commands is much code, and most who play never ask for it.
        this.#marks ??= new (await import("./marks.ts")).Marks(this.#viewed.recording);
        return direction === 1
          ? await this.#marks.after(channel.channel, place.offset, signal)
          : await this.#marks.before(channel.channel, place.offset, signal);
      });
      if (mark === undefined) return;
      this.#console.message = `$ ${showable(mark.text)}`;
      playback.jump(mark);
    });
  }

  #toChannel(playback: Playback, direction: 1 | -1): void {
    this.#inBackground(async () => {
      const what = direction === 1 ? "next channel" : "channel before";
      const other = await this.#look(what, (signal) =>
        neighbour(this.#viewed.survey, playback.channel.channel, direction, { signal }),
      );
      if (other === undefined) return;
      this.#leaving = other;
      playback.leave();
    });
  }

  #toNow(playback: Playback): void {
    this.#inBackground(async () => {
      const { duration } = await extent(await this.#viewed.recording.path());
      this.#pace.pause(false);
      playback.jump({ at: duration });
    });
  }

  #look<T>(text: string, find: (signal: AbortSignal) => Promise<T | undefined>): Promise<T | undefined> {
    const looking = this.#console.look(text, this.#viewed.stop.signal, find);
    this.#stage?.refresh();
    return looking;
  }

  /** What it finds it says by itself; that it failed ends the playing. */
  #inBackground(work: () => Promise<void>): void {
    void work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#playback?.leave();
      })
      .finally(() => {
        this.#console.goOn();
        this.#stage?.refresh();
      });
  }
}

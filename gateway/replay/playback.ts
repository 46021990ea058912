import { RecordingDamaged } from "../recording/damage.ts";
import { offsetAt } from "../recording/seek.ts";
import type { WindowSize } from "../ssh/messages/channel-request.ts";
import { readChannel, type PlacedEvent } from "./channel-reader.ts";
import type { Span } from "./from-time.ts";
import type { Pace } from "./pace.ts";
import type { Ends } from "./player.ts";
import { reach, READ_AGAIN, type Start } from "./reach.ts";
import type { Place } from "./search.ts";
import type { ChannelSurvey } from "./survey.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** A place to go to: everything up to it is shown at once. */
export interface Jump {
  readonly at: bigint;
  /** Of the last event that is shown; without it, all that happened by then. */
  readonly offset?: number;
}

/** Where events are shown. */
export interface Shows {
  begin(size: WindowSize | undefined): void;
  take(event: PlacedEvent): void;
  show(event: PlacedEvent): Promise<void>;
  settle(): void;
  refresh(): void;
}

export interface PlaybackOptions {
  readonly follow: boolean;
  /** There are keys to go on with when it stands at its end. */
  readonly mayStand: boolean;
  readonly signal: AbortSignal;
}

/** Longer than a read takes: whoever writes the recording was waited for. */
const WAITED_MS = 90;
const MOST_SIZES = 10_000;

/** One channel, played from wherever it is sent to. */
export class Playback {
  readonly channel: ChannelSurvey;
  span: Span;
  /** It shows what happens now. */
  isLive = false;
  isAtEnd = false;
  /** What older output left on the screen may be missing. */
  isApproximate = false;
  readonly #recording: Whereabouts;
  readonly #pace: Pace;
  readonly #shows: Shows;
  readonly #options: PlaybackOptions;
  readonly #ends: Ends;
  /** Of the last event that was shown. */
  #place: Place;
  readonly #sizes: { readonly offset: number; readonly size: WindowSize }[] = [];
  #request: Jump | undefined;
  /** Up to there events are taken without a wait. */
  #target: Jump;
  #turn = new AbortController();
  #isWaiting = false;
  #isLeft = false;
  #readSince = 0;
  /** Something was shown at its time since the last jump. */
  #hasPlayed = false;

  constructor(
    recording: Whereabouts,
    channel: ChannelSurvey,
    span: Span,
    pace: Pace,
    shows: Shows,
    ends: Ends,
    options: PlaybackOptions,
  ) {
    this.#recording = recording;
    this.channel = channel;
    this.span = span;
    this.#pace = pace;
    this.#shows = shows;
    this.#ends = ends;
    this.#options = options;
    this.#target = { at: span.from };
    this.#place = { at: span.from, offset: -1 };
  }

  /** Until its end was played, or it was left. */
  async run(from: Jump): Promise<void> {
    const { signal } = this.#options;
    const onStop = () => {
      this.leave();
    };
    signal.addEventListener("abort", onStop);
    try {
      this.#request ??= from;
      while (this.#request !== undefined && !this.#isOver) {
        const jump = this.#request;
        this.#request = undefined;
        await this.#play(jump);
      }
    } finally {
      signal.removeEventListener("abort", onStop);
    }
  }

  /** The place that was asked for last, or where it is. */
  get now(): bigint {
    return this.#request?.at ?? (this.isAtEnd ? this.span.to : this.#pace.now);
  }

  /** The event that was asked for last, or the last that was shown. */
  get place(): Place {
    const asked =
      this.#request?.offset === undefined && this.#hasPlayed ? undefined : (this.#request ?? this.#target);
    return asked?.offset === undefined ? this.#place : { at: asked.at, offset: asked.offset };
  }

  jump(to: Jump): void {
    this.#request = to;
    this.#interrupt();
  }

  leave(): void {
    this.#isLeft = true;
    this.#interrupt();
  }

  get #isOver(): boolean {
    return this.#isLeft || this.#options.signal.aborted;
  }

  #interrupt(): void {
    if (this.#isWaiting) this.#pace.interrupt();
    else this.#turn.abort();
  }

  async #play(jump: Jump): Promise<void> {
    const turn = (this.#turn = new AbortController());
    const path = await this.#recording.path();
    const start = await reach(path, this.channel, jump.at);
    this.#begin(jump, start);
    const { follow } = this.#options;
    const events = readChannel(path, this.channel, {
      from: start.offset,
      follow,
      signal: turn.signal,
      atEnd: (cut) => {
        this.#ends.cut = cut;
      },
    });
    const settling = setInterval(() => {
      this.#settleInTheMiddle();
    }, WAITED_MS);
    try {
      for (;;) {
        this.#readSince = performance.now();
        const { done, value } = await events.next();
        if (done === true || turn.signal.aborted) break;
        if (!(await this.#event(value, performance.now() - this.#readSince))) return;
      }
    } catch (error) {
      if (!(error instanceof RecordingDamaged)) throw error;
      this.#ends.damage = error;
    } finally {
      clearInterval(settling);
      await events.return(undefined);
    }
    if (!turn.signal.aborted) await this.#end();
  }

  #begin(jump: Jump, start: Start): void {
    this.isAtEnd = this.isLive = false;
    this.isApproximate = !start.exact;
    this.#aimAt(jump);
    this.#place = { at: jump.at, offset: start.exact ? -1 : start.offset };
    const size = this.#sizes.findLast(({ offset }) => offset <= start.offset)?.size;
    this.#shows.begin(size ?? this.channel.terminal?.size);
  }

  #aimAt(jump: Jump): void {
    this.#target = jump;
    this.#hasPlayed = false;
    this.#pace.jump(jump.at);
  }

  /** False: it was interrupted, and not by what can be reached from here. */
  async #event(event: PlacedEvent, waited: number): Promise<boolean> {
    for (;;) {
      if (isUpTo(event, this.#target)) {
        this.#shows.take(event);
        this.#note(event);
        return true;
      }
      this.#shows.settle();
      this.isLive &&= !this.#pace.paused;
      // What comes in one piece with what was waited for is no older than that.
      this.isLive ||= this.#options.follow && waited > WAITED_MS && !this.#pace.paused;
      if (this.isLive) {
        this.#pace.jump(event.at);
      } else if (!(await this.#until(event))) {
        const request = this.#request;
        if (request === undefined || this.#isOver || !(await this.#isNear(request))) return false;
        // Another one came meanwhile, and what is read here ends.
        if (this.#turn.signal.aborted) return false;
        this.#request = undefined;
        this.#aimAt(request);
        continue;
      }
      this.#hasPlayed = true;
      await this.#shows.show(event);
      this.#note(event);
      return true;
    }
  }

  async #until(event: PlacedEvent): Promise<boolean> {
    if (this.#turn.signal.aborted) return false;
    this.#isWaiting = true;
    try {
      return await this.#pace.until(event.at, event.kind === "output" || event.kind === "error-output");
    } finally {
      this.#isWaiting = false;
    }
  }

  /** Whether the screen that is shown can go on to there: forward, and not over much. */
  async #isNear({ at, offset }: Jump): Promise<boolean> {
    if (this.#place.offset < 0 || at < this.#place.at) return false;
    if (offset !== undefined && offset < this.#place.offset) return false;
    return (await offsetAt(await this.#recording.path(), at)) - this.#place.offset <= READ_AGAIN;
  }

  #note(event: PlacedEvent): void {
    this.#place = event;
    if (event.at > this.span.to) this.span = { from: this.span.from, to: event.at };
    if (event.kind !== "terminal" && event.kind !== "resized") return;
    const isNew = event.offset > (this.#sizes.at(-1)?.offset ?? -1);
    if (isNew && this.#sizes.length < MOST_SIZES)
      this.#sizes.push({ offset: event.offset, size: event.size });
  }

  /** While more is waited for, what there is so far is to be seen. */
  #settleInTheMiddle(): void {
    if (this.#isWaiting || performance.now() - this.#readSince < WAITED_MS) return;
    this.#shows.settle();
    if (!this.#options.follow || this.isLive || this.#pace.paused) return;
    this.isLive = true;
    this.#shows.refresh();
  }

  /** One who jumped here wants to look, and may want to go back. */
  async #end(): Promise<void> {
    this.#shows.settle();
    const cameAlong = this.#hasPlayed || this.#target.at <= this.span.from;
    if (!this.#options.mayStand || (cameAlong && !this.#pace.paused)) return;
    this.isAtEnd = true;
    if (!this.#pace.paused) this.#pace.pause(true);
    this.#shows.refresh();
    this.#isWaiting = true;
    await this.#pace.standing();
    this.#isWaiting = false;
    this.isAtEnd = false;
  }
}

function isUpTo(event: PlacedEvent, { at, offset }: Jump): boolean {
  return offset === undefined ? event.at <= at : event.offset <= offset;
}

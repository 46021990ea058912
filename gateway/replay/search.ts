import { RecordingDamaged } from "../recording/damage.ts";
import { readChannel } from "./channel-reader.ts";
import { TerminalGuard } from "./guard.ts";
import { entryBefore } from "./reach.ts";
import type { ChannelSurvey } from "./survey.ts";

export interface Hit {
  readonly at: bigint;
  readonly offset: number;
  readonly where: "output" | "input";
}

/** From where a search goes on: the event that is shown. */
export interface Place {
  readonly at: bigint;
  /** -1: before the first. */
  readonly offset: number;
}

/** Of a line; what stands further back in it is not found together with its end. */
const LONGEST_LINE = 4096;
const LINE_BEFORE = 64 * 1024;
/** A search backwards looks through pieces of this size, the last one first. */
const PIECE = 8 * 1024 * 1024;

/**
 * The next event after a place that completes the text in a line of output or input. Capitals count only where the text has some.
 */
export async function searchForward(
  path: string,
  channel: ChannelSurvey,
  text: string,
  after: Place,
  signal: AbortSignal,
): Promise<Hit | undefined> {
  // What is found may have begun before the place.
  const from = await entryBefore(path, channel, after.offset, LINE_BEFORE);
  for await (const hit of hits(path, channel, text, from, signal)) if (hit.offset > after.offset) return hit;
  return undefined;
}

/** The last one before a place. */
export async function searchBackward(
  path: string,
  channel: ChannelSurvey,
  text: string,
  before: Place,
  signal: AbortSignal,
): Promise<Hit | undefined> {
  let { offset } = before;
  while (offset > channel.firstOffset && !signal.aborted) {
    const from = await entryBefore(path, channel, offset, PIECE);
    if (from >= offset) return undefined;
    let last: Hit | undefined;
    for await (const hit of hits(path, channel, text, from, signal)) {
      // What begins in this piece may end in the next.
      if (hit.offset >= Math.min(before.offset, offset + LINE_BEFORE)) break;
      last = hit;
    }
    if (last !== undefined) return last;
    offset = from;
  }
  return undefined;
}

async function* hits(
  path: string,
  channel: ChannelSurvey,
  text: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Hit> {
  const lines = { output: new Lines(text, true), input: new Lines(text, false) };
  try {
    for await (const event of readChannel(path, channel, { from, signal })) {
      const where = event.kind === "error-output" ? "output" : event.kind;
      if (where !== "output" && where !== "input") continue;
      if ("data" in event && lines[where].completes(event.data))
        yield { at: event.at, offset: event.offset, where };
    }
  } catch (error) {
    // What stands before the damage was looked through.
    if (!(error instanceof RecordingDamaged)) throw error;
  }
}

/* eslint-disable no-control-regex */
/** Colours, erasing to the right and modes stand inside of a line; what else moves the cursor begins another. */
const IN_A_LINE = /\x1b\[[0-?]*[ -/]*[mKhl]|\x1b[()*+][0-~]|[\x00\x07\x0e\x0f]/g;
const OTHER_SEQUENCE = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\r\n\v\f]+/g;
/* eslint-enable no-control-regex */

/** One direction's bytes as lines of text. */
class Lines {
  readonly #text: string;
  readonly #folds: boolean;
  readonly #guard: TerminalGuard | undefined;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #line = "";

  /** @param guarded sequences are taken out of it, strings of them too. */
  constructor(text: string, guarded: boolean) {
    this.#folds = text === text.toLowerCase();
    this.#text = text;
    this.#guard = guarded ? new TerminalGuard({ utf8: true }) : undefined;
  }

  /** Whether the text stands in a line that these bytes go on with, and was not whole before them. */
  completes(bytes: Uint8Array): boolean {
    const guarded = this.#guard?.write(bytes) ?? bytes;
    const decoded = this.#decoder.decode(guarded, { stream: true });
    const text = decoded.replace(IN_A_LINE, "").replace(OTHER_SEQUENCE, "\n");
    let found = false;
    for (const [index, piece] of (this.#folds ? text.toLowerCase() : text).split("\n").entries()) {
      if (index > 0) this.#line = "";
      found = this.#goOn(piece) || found;
    }
    return found;
  }

  #goOn(piece: string): boolean {
    let from = Math.max(0, this.#line.length - this.#text.length + 1);
    // A backspace takes back, as a terminal and a line editor would have it.
    for (const part of piece.split(/(?<=[\b\x7f])/)) {
      const isBack = /[\b\x7f]$/.test(part);
      this.#line += isBack ? part.slice(0, -1) : part;
      if (isBack) this.#line = this.#line.slice(0, -1);
      from = Math.min(from, this.#line.length);
    }
    const found = piece !== "" && this.#line.includes(this.#text, from);
    if (this.#line.length > LONGEST_LINE) this.#line = this.#line.slice(-LONGEST_LINE);
    return found;
  }
}

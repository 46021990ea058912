import { once } from "node:events";
import { readEntries } from "../recording/reader.ts";
import { describe } from "./choose.ts";
import { TerminalGuard } from "./guard.ts";
import { OwnTerminal } from "./own-terminal.ts";
import { Pace } from "./pace.ts";
import type { PlayOptions, PlayStreams } from "./play-options.ts";
import type { Stopping } from "./stopping.ts";
import { channelEvent, type ChannelEvent } from "./streams.ts";
import type { ChannelSurvey } from "./survey.ts";
import { atSpeed, fromZero, limitIdle } from "./timing.ts";

/** Sizes that an operator's terminal is asked to take; an attacker can claim any. */
const MOST_ROWS = 300;
const MOST_COLUMNS = 1000;

/** Brings channels of one recording to the operator, one after the other. */
export class Player {
  readonly #path: string;
  readonly #options: PlayOptions;
  readonly #streams: PlayStreams;
  readonly #stop: Stopping;
  readonly #pace = new Pace();

  constructor(path: string, options: PlayOptions, streams: PlayStreams, stop: Stopping) {
    this.#path = path;
    this.#options = options;
    this.#streams = streams;
    this.#stop = stop;
    stop.signal.addEventListener("abort", () => {
      this.#pace.stop();
    });
  }

  /** A channel's output at its pace, through the guard. */
  async show(survey: ChannelSurvey, headed: boolean): Promise<void> {
    const { stdin, stdout } = this.#streams;
    const onTerminal = stdout.isTTY === true;
    if (headed) await this.#write(Buffer.from(`--- ${describe(survey)}\n`));
    else this.#sayOtherSize(survey);

    const guard = new TerminalGuard({ utf8: isUtf8() });
    const verbatim = survey.terminal === undefined ? undefined : stdout.fd;
    const terminal = onTerminal
      ? new OwnTerminal(stdin, verbatim, (key) => {
          this.#key(key);
        })
      : undefined;
    this.#pace.restart();
    try {
      for await (const event of this.#timed(this.#events(survey))) {
        await this.#pace.until(event.at);
        if (this.#stop.stopped()) break;
        await this.#showEvent(event, guard, onTerminal);
      }
      const rest = guard.end();
      // A file or a pipe is left in no state, and would only keep the bytes that undo one.
      if (onTerminal) await this.#write(rest);
    } finally {
      terminal?.[Symbol.dispose]();
    }
  }

  /** A channel's output to the byte. Standard error, where it is kept apart, goes to ours. */
  async copyOut(survey: ChannelSurvey): Promise<void> {
    const guard = new TerminalGuard({ utf8: isUtf8() });
    const { stderr } = this.#streams;
    for await (const event of this.#events(survey)) {
      if (event.kind === "output") await this.#write(event.data);
      else if (event.kind === "error-output") stderr.write(guard.write(event.data));
    }
  }

  /** Until standard output has taken everything, or nobody reads it any more. */
  async flush(): Promise<void> {
    const { stdout } = this.#streams;
    await new Promise<void>((resolve) => {
      if (stdout.destroyed) resolve();
      else
        stdout.write("", () => {
          resolve();
        });
    });
  }

  async #showEvent(event: ChannelEvent, guard: TerminalGuard, onTerminal: boolean): Promise<void> {
    if (event.kind === "output" || event.kind === "error-output") {
      await this.#write(guard.write(event.data));
    } else if (event.kind === "terminal" || event.kind === "resized") {
      const { rows, columns } = event.size;
      const sensible = rows > 0 && rows <= MOST_ROWS && columns > 0 && columns <= MOST_COLUMNS;
      if (this.#options.resize === true && onTerminal && sensible)
        await this.#write(Buffer.from(`\x1b[8;${rows};${columns}t`));
    }
  }

  async *#events({ channel, firstOffset, lastOffset }: ChannelSurvey): AsyncGenerator<ChannelEvent> {
    for await (const entry of readEntries(this.#path, { from: firstOffset, signal: this.#stop.signal })) {
      const event = entry.type === "packet" && entry.channel === channel ? channelEvent(entry) : undefined;
      if (event !== undefined) yield event;
      // What stands after it, damage even, is no concern of this channel's.
      if (entry.offset >= lastOffset) return;
    }
  }

  #timed(events: AsyncIterable<ChannelEvent>): AsyncIterable<ChannelEvent> {
    const { idleLimit, speed } = this.#options;
    const limited = idleLimit === undefined ? events : limitIdle(events, idleLimit);
    const started = fromZero(limited);
    return speed === undefined || speed === 1 ? started : atSpeed(started, speed);
  }

  async #write(bytes: Buffer): Promise<void> {
    const { stdout } = this.#streams;
    if (bytes.length > 0 && !stdout.destroyed && !stdout.write(bytes)) await this.#drained();
  }

  /** Ends too when the playing is stopped, so that a reader who went away cannot hold it. */
  async #drained(): Promise<void> {
    await once(this.#streams.stdout, "drain", { signal: this.#stop.signal }).catch(() => undefined);
  }

  #key(key: string): void {
    switch (key) {
      case " ":
        this.#pace.togglePause();
        break;
      case ".":
        this.#pace.step();
        break;
      case "+":
        this.#pace.changeSpeed(2);
        break;
      case "-":
        this.#pace.changeSpeed(0.5);
        break;
      case "q":
      case "\x03": // Ctrl-C, which the terminal does not turn into a signal now
        this.#stop.now(0);
        break;
    }
  }

  #sayOtherSize({ terminal }: ChannelSurvey): void {
    const { stdout, stderr } = this.#streams;
    if (terminal === undefined || stdout.isTTY !== true || this.#options.resize === true) return;
    const { columns, rows } = terminal.size;
    if (columns === stdout.columns && rows === stdout.rows) return;
    stderr.write(
      `The recorded terminal was ${columns}x${rows}, yours is ${stdout.columns ?? 0}x${stdout.rows ?? 0}: things may stand in other places. --resize asks yours to follow.\n`,
    );
  }
}

/** As setlocale(3) chooses. The C locale says nothing of the terminal, and terminals are UTF-8 today. */
function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== "");
  return locale === undefined || locale === "C" || locale === "POSIX" || /utf-?8/i.test(locale);
}

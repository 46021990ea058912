import type { WindowSize } from "../ssh/messages/channel-request.ts";
import type { PlacedEvent } from "./channel-reader.ts";
import { Keys } from "./keys.ts";
import { isUtf8 } from "./locale.ts";
import type { Outlet } from "./outlet.ts";
import { OwnTerminal } from "./own-terminal.ts";
import type { PlayStreams } from "./play-options.ts";
import type { Area } from "./screen/painter.ts";
import type { ChannelSurvey } from "./survey.ts";
import { View } from "./view.ts";

/** Sizes that a screen is given; an attacker can claim any. */
const MOST_ROWS = 300;
const MOST_COLUMNS = 1000;
const USUAL: Area = { columns: 80, rows: 24 };
/** Of what was typed, for a row of it. */
const MOST_TYPED = 1024;

export interface StageOptions {
  readonly drawn: boolean;
  /** Ask the operator's terminal to take the recorded sizes. */
  readonly resize: boolean;
  /** Rows of ours for the bottom of a terminal so wide. */
  readonly rows: (columns: number) => readonly string[];
  /** Whether those, or the help, must be seen although the output is only printed. */
  readonly covered: () => boolean;
  readonly key: (key: string) => void;
}

/** One channel on the operator's terminal: its screen, what was typed, and the keyboard. */
export class Stage implements Disposable {
  readonly view: View;
  readonly #streams: PlayStreams;
  readonly #options: StageOptions;
  readonly #outlet: Outlet;
  readonly #terminal: OwnTerminal;
  #typed: Buffer = Buffer.alloc(0);
  readonly #onResize = () => {
    this.view.areaChanged();
  };

  constructor(channel: ChannelSurvey, streams: PlayStreams, outlet: Outlet, options: StageOptions) {
    this.#streams = streams;
    this.#options = options;
    this.#outlet = outlet;
    const newline = channel.terminal === undefined;
    const view = { drawn: options.drawn, utf8: isUtf8(), newline };
    this.view = new View(
      outlet,
      () => this.#area(),
      view,
      () => options.rows(this.#area().columns),
    );
    const keys = new Keys();
    const verbatim = newline ? undefined : streams.stdout.fd;
    this.#terminal = new OwnTerminal(streams.stdin, verbatim, (bytes) => {
      keys.read(bytes).forEach(options.key);
    });
    streams.stdout.on("resize", this.#onResize);
    if (options.drawn) this.view.cover(true);
  }

  get typed(): Uint8Array {
    return this.#typed;
  }

  /** Nothing of the channel was shown yet. */
  begin(size: WindowSize | undefined): void {
    this.#typed = Buffer.alloc(0);
    this.view.begin(size === undefined ? this.#area() : this.#sensible(size));
  }

  /** Into what is shown later, all at once. */
  take(event: PlacedEvent): void {
    if (event.kind === "output" || event.kind === "error-output") this.view.take(event.data);
    else this.#other(event);
  }

  async show(event: PlacedEvent): Promise<void> {
    if (event.kind === "output" || event.kind === "error-output") await this.view.show(event.data);
    else if (this.#other(event)) this.refresh();
  }

  settle(): void {
    this.view.settle();
  }

  /** Our own rows say something else now, or must be there now. */
  refresh(): void {
    this.view.cover(this.#options.drawn || this.#options.covered());
    this.view.paint();
  }

  [Symbol.dispose](): void {
    this.#streams.stdout.off("resize", this.#onResize);
    this.view.end();
    this.#terminal[Symbol.dispose]();
  }

  /** False: nothing that is seen. */
  #other(event: PlacedEvent): boolean {
    if (event.kind === "input") {
      this.#typed = Buffer.concat([this.#typed, event.data]).subarray(-MOST_TYPED);
      return true;
    }
    if (event.kind !== "terminal" && event.kind !== "resized") return false;
    const { rows, columns } = event.size;
    const isSensible = rows > 0 && rows <= MOST_ROWS && columns > 0 && columns <= MOST_COLUMNS;
    if (isSensible) this.view.resize(event.size);
    if (isSensible && this.#options.resize) {
      const own = this.#options.drawn ? this.#options.rows(columns).length : 0;
      this.#outlet.put(`\x1b[8;${rows + own};${columns}t`);
    }
    return isSensible;
  }

  #area(): Area {
    const { columns = USUAL.columns, rows = USUAL.rows } = this.#streams.stdout;
    // A terminal may say that it has no size.
    return columns > 0 && rows > 0
      ? { columns: Math.min(columns, MOST_COLUMNS), rows: Math.min(rows, MOST_ROWS) }
      : USUAL;
  }

  #sensible({ columns, rows }: Area): Area {
    if (columns < 1 || rows < 1) return this.#area();
    return { columns: Math.min(columns, MOST_COLUMNS), rows: Math.min(rows, MOST_ROWS) };
  }
}

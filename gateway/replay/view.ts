import { TerminalGuard } from "./guard.ts";
import type { Outlet } from "./outlet.ts";
import { Interpreter } from "./screen/interpreter.ts";
import { ScreenModel } from "./screen/model.ts";
import { Painter, printedRows, type Area } from "./screen/painter.ts";
import { stateAfterPainting } from "./screen/restoring.ts";

export interface ViewOptions {
  /** On a screen of our own, at the recorded size, beside rows of ours. If not, output goes to the terminal as it is. */
  readonly drawn: boolean;
  readonly utf8: boolean;
  /** Output went through no terminal: a line feed begins a line. */
  readonly newline: boolean;
}

/** Painting is gathered for so long; more often nobody sees. */
const PAINTED_EVERY_MS = 16;
/** The terminal's other screen, with nothing set that would be in the way of painting. */
const OWN_SCREEN = "\x1b[?1049h\x1b[4l\x1b[?6l\x1b[r\x0f\x1b(B\x1b[m\x1b[H\x1b[2J";

/**
 * What an operator sees of a channel. All of it goes through a guard: the recording's output before anything is made of it, and
 * what is painted once more.
 *
 * A model of the screen follows along, so that our own rows, the help and jumps leave nothing behind: what was under
 * them is painted from it.
 */
export class View {
  readonly #outlet: Outlet;
  readonly #area: () => Area;
  readonly #options: ViewOptions;
  readonly #painter = new Painter();
  readonly #ours: TerminalGuard;
  #model: ScreenModel;
  #interpreter: Interpreter;
  #guard: TerminalGuard;
  /** Our own screen is there. */
  #covered = false;
  /** Printed output is not what the terminal shows. */
  #stale = false;
  /** Something was taken and not shown. */
  #unsettled = false;
  readonly #rows: () => readonly string[];
  #help: readonly string[] | undefined;
  #painted = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param rows of ours, for the bottom. */
  constructor(outlet: Outlet, area: () => Area, options: ViewOptions, rows: () => readonly string[]) {
    this.#outlet = outlet;
    this.#area = area;
    this.#options = options;
    this.#rows = rows;
    this.#ours = new TerminalGuard({ utf8: options.utf8 });
    const { columns, rows: height } = area();
    this.#model = new ScreenModel(columns, height, options);
    this.#interpreter = new Interpreter(this.#model, options.utf8);
    this.#guard = new TerminalGuard(options);
  }

  get covered(): boolean {
    return this.#covered;
  }

  /** Nothing was printed yet, on a terminal of this size. */
  begin(size: Area): void {
    if (!this.#covered) this.#outlet.put(this.#guard.end().toString("latin1"), "latin1");
    const { columns, rows } = this.#options.drawn ? size : this.#area();
    this.#model = new ScreenModel(columns, rows, this.#options);
    this.#interpreter = new Interpreter(this.#model, this.#options.utf8);
    this.#guard = new TerminalGuard(this.#options);
  }

  /** Without showing it yet. */
  take(output: Uint8Array): void {
    this.#stale = this.#unsettled = true;
    this.#interpreter.write(this.#guard.write(output));
  }

  async show(output: Uint8Array): Promise<void> {
    const guarded = this.#guard.write(output);
    this.#interpreter.write(guarded);
    if (!this.#covered) {
      await this.#outlet.write(guarded);
      return;
    }
    this.#stale = true;
    this.paintSoon();
  }

  /** The recorded terminal has another size now. */
  resize({ columns, rows }: Area): void {
    if (!this.#options.drawn) return;
    this.#model.resize(columns, rows);
    this.paintSoon();
  }

  /** The operator's terminal has another size now. */
  areaChanged(): void {
    const { columns, rows } = this.#area();
    if (!this.#options.drawn) this.#model.resize(columns, rows);
    this.repaint();
  }

  /** Puts our own screen over what was printed, or takes it away. */
  cover(on: boolean): void {
    if (on === this.#covered) return;
    if (on) {
      this.#covered = true;
      this.#put(OWN_SCREEN);
      this.#painter.forget();
      this.paint();
    } else {
      this.#covered = false;
      this.#put("\x1b[?1049l");
      this.#printAgain();
    }
  }

  /** What was taken is on the terminal after this, printed or painted. */
  settle(): void {
    if (!this.#unsettled) return;
    this.#unsettled = false;
    if (this.#covered) this.paint();
    else if (this.#stale) this.#printAgain();
  }

  /** Text over all of it; undefined: away with it. */
  help(lines: readonly string[] | undefined): void {
    this.#help = lines;
    this.repaint();
  }

  repaint(): void {
    this.#painter.forget();
    if (this.#covered) {
      this.#put("\x1b[m\x1b[2J");
      this.paint();
    }
  }

  paintSoon(): void {
    if (!this.#covered || this.#timer !== undefined) return;
    const since = performance.now() - this.#painted;
    if (since >= PAINTED_EVERY_MS && !this.#outlet.isFull) this.paint();
    else
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.paintSoon();
      }, PAINTED_EVERY_MS);
  }

  paint(): void {
    if (!this.#covered) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#outlet.isFull) {
      this.paintSoon();
      return;
    }
    this.#painted = performance.now();
    if (this.#help === undefined) this.#put(this.#painter.paint(this.#model, this.#area(), this.#rows()));
    else this.#put(this.#painter.paintText(this.#help, this.#area()));
  }

  /** The terminal as it was found; what was drawn last stays to be read, under what was there. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#covered && !this.#options.drawn) this.cover(false);
    else if (!this.#covered && this.#stale) this.#printAgain();
    this.#outlet.put(this.#ours.end().toString("latin1"), "latin1");
    if (this.#covered) this.#put(printedRows(this.#model, this.#area().columns));
    else this.#outlet.put(this.#guard.end().toString("latin1"), "latin1");
    this.#covered = false;
  }

  /** The rows as they are by now, and the terminal ready for what is printed next. */
  #printAgain(): void {
    let out = "";
    if (this.#model.onOther) out += "\x1b[?1049h";
    if (this.#stale || this.#model.onOther) {
      this.#painter.forget();
      out += `\x1b[4l\x1b[?6l\x1b[r\x0f\x1b(B\x1b[m\x1b[H\x1b[2J${this.#painter.paint(this.#model, this.#area(), [])}`;
    }
    this.#stale = false;
    this.#put(out + stateAfterPainting(this.#model));
  }

  #put(text: string): void {
    const bytes = Buffer.from(text, this.#options.utf8 ? "utf8" : "latin1");
    this.#outlet.put(this.#ours.write(bytes).toString("latin1"), "latin1");
  }
}

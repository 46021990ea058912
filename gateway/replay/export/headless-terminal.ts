import xterm, { type IBufferLine, type IMarker, type Terminal } from "@xterm/headless";
import type { TerminalSize } from "./terminal-size.ts";

/** Lines that one batch may scroll away; the terminal keeps more than that, so none is lost before it is taken. */
const MOST_LINES = 5500;
const KEPT_LINES = 6000;
/** Characters of one batch: bounds what waits in memory. */
const MOST_CHARACTERS = 128 * 1024;
/** Characters that one repetition may make. */
const MOST_REPEATED = 20_000;
/**
 * Marks and joiners without a width of their own, of which a terminal stacks any number on one character. The longest that a script
 * or an emoji needs is shorter.
 */
const STACKED = /([\p{M}\p{Cf}\u1160-\u11ff]{16})[\p{M}\p{Cf}\u1160-\u11ff]+/gu;
const MOST_LEFT = 16;
const ESC = "\x1b";

/**
 * A terminal that nobody looks at. It is written to, and gives the lines that scrolled out of its sight and those that a full-screen
 * program left when it ended, in bounded memory. What it is given must have passed a TerminalGuard, whose whole sequences it counts on.
 */
export class HeadlessTerminal {
  readonly #terminal: Terminal;
  /** What was given and waits for a batch to be full. */
  #waiting = "";
  #lines = 0;
  #out: string[] = [];
  /** The last line given out has no end yet, and whether the next row goes on with it. */
  #open = false;
  #goesOn = false;
  /**
   * Rows are counted from the first there ever was, of the ordinary screen: the terminal forgets its first when it has too many. The
   * anchor is a row whose number is known; the terminal tells where it is now.
   */
  #anchor: { readonly row: number; readonly marker: IMarker } | undefined;
  /** Rows that were given out already. */
  #taken = 0;
  /** Full screens that were left, each to be given out before the row on which the program had been started. */
  #left: { readonly before: number; readonly text: string }[] = [];

  constructor({ columns, rows }: TerminalSize) {
    this.#terminal = new xterm.Terminal({
      // Its buffer, its parser and markers are no part of what it calls stable.
      allowProposedApi: true,
      cols: columns,
      rows,
      scrollback: KEPT_LINES,
      // What `clear` wipes away was seen before.
      scrollOnEraseInDisplay: true,
      logLevel: "off",
    });
    const { parser } = this.#terminal;
    parser.registerCsiHandler({ final: "b" }, ([count]) => this.#repeatsTooMuch(count));
    parser.registerCsiHandler({ prefix: "?", final: "h" }, (modes) => {
      if (modes.some(isOtherScreen)) this.#settle();
      return false;
    });
    parser.registerCsiHandler({ prefix: "?", final: "l" }, (modes) => {
      if (modes.some(isOtherScreen)) this.#takeFullScreen();
      return false;
    });
  }

  /** Returns text that is final: whole lines, or parts of long ones. */
  async write(text: string): Promise<string> {
    for (const piece of pieces(text)) {
      const lines = this.#mayScroll(piece);
      if (this.#lines + lines > MOST_LINES || this.#waiting.length + piece.length > MOST_CHARACTERS)
        await this.#batch();
      this.#waiting += piece;
      this.#lines += lines;
    }
    return this.#take();
  }

  async resize({ columns, rows }: TerminalSize): Promise<string> {
    await this.#batch();
    // Rows are wrapped anew, those above the screen too unless they are forgotten: from here on they count from 0 again.
    const first = this.#forgotten + this.#terminal.buffer.normal.baseY;
    this.#terminal.options.scrollback = 0;
    this.#terminal.options.scrollback = KEPT_LINES;
    this.#anchor?.marker.dispose();
    this.#anchor = undefined;
    this.#taken -= first;
    this.#left = this.#left.map(({ before, text }) => ({ before: before - first, text }));
    this.#terminal.resize(columns, rows);
    return this.#take();
  }

  /** What stands on the screen at the end. */
  async end(): Promise<string> {
    await this.#batch();
    this.#takeFullScreen();
    this.#takeRows(this.#forgotten + this.#terminal.buffer.normal.length);
    this.#takeLeft(Infinity);
    if (this.#open) this.#out.push("\n");
    this.#terminal.dispose();
    // Rows below the last that was written on.
    return this.#take().replace(/\n{2,}$/, "\n");
  }

  async #batch(): Promise<void> {
    const text = this.#waiting.replace(STACKED, "$1");
    this.#waiting = "";
    this.#lines = 0;
    await new Promise<void>((resolve) => {
      this.#terminal.write(text, resolve);
    });
    this.#settle();
  }

  /** Rows that the terminal had and has no more. */
  get #forgotten(): number {
    return this.#anchor === undefined ? 0 : this.#anchor.row - this.#anchor.marker.line;
  }

  /** Gives out what scrolled away. */
  #settle(): void {
    const { active } = this.#terminal.buffer;
    if (active.type !== "normal") return;
    const forgotten = this.#forgotten;
    this.#takeRows(forgotten + active.baseY);
    if (active.baseY === 0) return;
    // The last row above the screen: nothing that is drawn touches it any more.
    const marker = this.#terminal.registerMarker(-active.cursorY - 1);
    if (marker === undefined) return;
    this.#anchor?.marker.dispose();
    this.#anchor = { row: forgotten + active.baseY - 1, marker };
  }

  /** Gives out rows up to this one. */
  #takeRows(to: number): void {
    const { normal } = this.#terminal.buffer;
    const forgotten = this.#forgotten;
    for (; this.#taken < to; this.#taken++) {
      this.#takeLeft(this.#taken);
      const row = this.#taken - forgotten;
      const line = normal.getLine(row);
      if (line === undefined) continue;
      if (this.#open && !this.#goesOn) this.#out.push("\n");
      // Asked for the row after its last, it would give its first.
      const next = row + 1 < normal.length ? normal.getLine(row + 1) : undefined;
      const width = next?.isWrapped === true ? widthThatGoesOn(line, next) : undefined;
      this.#goesOn = width !== undefined;
      this.#out.push(line.translateToString(width === undefined, 0, width));
      this.#open = true;
    }
  }

  #takeLeft(row: number): void {
    while (this.#left[0] !== undefined && this.#left[0].before <= row) this.#giveLeft();
  }

  #giveLeft(): void {
    const text = this.#left.shift()?.text ?? "";
    this.#out.push(`${this.#open ? "\n" : ""}--- full screen ---\n${text}\n--- end of full screen ---\n`);
    this.#open = false;
  }

  /** What a full-screen program shows when it gives the screen back. */
  #takeFullScreen(): void {
    const { active } = this.#terminal.buffer;
    if (active.type !== "alternate") return;
    const rows = Array.from({ length: this.#terminal.rows }, (_, row) =>
      (active.getLine(row)?.translateToString(true) ?? "").trimEnd(),
    );
    const shown = rows.join("\n").replace(/^\n+|\n+$/g, "");
    if (shown === "") return;
    const { baseY, cursorX, cursorY } = this.#terminal.buffer.normal;
    this.#left.push({ before: this.#forgotten + baseY + cursorY + (cursorX > 0 ? 1 : 0), text: shown });
    if (this.#left.length > MOST_LEFT) this.#giveLeft();
  }

  /** Whether a repetition is left out (true: it was dealt with). */
  #repeatsTooMuch(count: number | number[] | undefined): boolean {
    const { active } = this.#terminal.buffer;
    const line = active.getLine(active.baseY + active.cursorY);
    const before = [1, 2].map((back) => line?.getCell(active.cursorX - back)?.getChars().length ?? 1);
    return (typeof count === "number" ? count : 1) * Math.max(1, ...before) > MOST_REPEATED;
  }

  /** Lines that a piece can scroll away at most. A piece is one sequence with the text after it. */
  #mayScroll(piece: string): number {
    const { cols, rows } = this.#terminal;
    const feeds = piece.match(/[\n\v\f]/g)?.length ?? 0;
    // Half the columns: each character may be a wide one.
    const text = Math.ceil((piece.length * 2) / cols);
    const sequence = piece.startsWith(`${ESC}[`) ? /^([0-9;?]*)([A-Za-z])/.exec(piece.slice(2)) : null;
    if (sequence === null) return feeds + text + 1;
    const [, parameters = "", final] = sequence;
    if (final === "b")
      return feeds + text + Math.ceil((Math.min(Number(parameters) || 1, MOST_REPEATED) * 2) / cols);
    return feeds + text + (final === "J" ? rows : 1);
  }

  #take(): string {
    return this.#out.splice(0).join("");
  }
}

/** Cuts before each escape, and long text too, so that no piece is more than a batch can take. */
function* pieces(text: string): Generator<string> {
  let from = 0;
  while (from < text.length) {
    const escape = text.indexOf(ESC, from + 1);
    let to = Math.min(escape === -1 ? text.length : escape, from + 1024);
    if (to < text.length && isHighSurrogate(text, to - 1)) to++;
    yield text.slice(from, to);
    from = to;
  }
}

/**
 * Columns of a row that the next one goes on with: all, or all but the last where a wide character had no room. Undefined: what it went
 * on with was erased since.
 */
function widthThatGoesOn(line: IBufferLine, next: IBufferLine): number | undefined {
  const last = line.getCell(line.length - 1);
  if (last?.getChars() !== "" || last.getWidth() === 0) return line.length;
  return next.getCell(0)?.getWidth() === 2 ? line.length - 1 : undefined;
}

function isOtherScreen(mode: number | number[]): boolean {
  return mode === 47 || mode === 1047 || mode === 1049;
}

function isHighSurrogate(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

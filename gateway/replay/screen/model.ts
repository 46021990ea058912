import { characterWidth } from "./character-width.ts";
import { Grid } from "./grid.ts";
import { copyOf, freshPen, type Pen } from "./pen.ts";
import { TabStops } from "./tab-stops.ts";

/**
 * What a terminal of this size shows. Rows and columns count from 0, those of controls' parameters from 1.
 * Left out: margins at the sides, lines of double width, protected cells.
 */
export class ScreenModel {
  columns: number;
  rows: number;
  pen = freshPen();
  wrap = true;
  insert = false;
  /** LF goes to the first column, too. */
  newline: boolean;
  cursorShown = true;
  reversed = false;
  /** Parameter of DECSCUSR. */
  cursorShape = "";
  top = 0;
  bottom: number;
  #screen: Grid;
  /** The first screen, while the other one is shown. */
  #first: Grid | undefined;
  #saved = freshPen();
  /** The first screen's, while the other one is shown. */
  #firstSaved: Pen | undefined;
  readonly #tabs: TabStops;
  readonly #newline: boolean;

  constructor(columns: number, rows: number, options: { newline?: boolean } = {}) {
    this.columns = columns;
    this.rows = rows;
    this.bottom = rows - 1;
    this.newline = this.#newline = options.newline ?? false;
    this.#screen = new Grid(columns, rows);
    this.#tabs = new TabStops(columns);
  }

  /** The character of a cell, "" for the second half of a wide one, and the sequence that makes it look as it does. */
  cell(row: number, column: number): { readonly text: string; readonly look: string } {
    return this.#screen.cell(row, column);
  }

  get onOther(): boolean {
    return this.#first !== undefined;
  }

  /** Many characters of ASCII, as `put` does one. */
  putAscii(text: string): void {
    const { pen } = this;
    if (this.insert || !pen.charsets.plain) {
      for (const character of text) this.put(character);
      return;
    }
    for (let at = 0; at < text.length;) {
      // The last column has rules of its own.
      const room = pen.wrapping ? 0 : this.columns - 1 - pen.column;
      if (room > 0) {
        const piece = text.slice(at, at + room);
        this.#screen.putAscii(pen.row, pen.column, piece, pen.rendition.look);
        pen.column += piece.length;
        at += piece.length;
      } else {
        this.put(text[at] ?? " ");
        at += 1;
      }
    }
  }

  /** One character, or what combines with the one before. */
  put(given: string): void {
    const pen = this.pen;
    const character = pen.charsets.plain ? given : pen.charsets.translate(given);
    const width = character < "\u0300" ? 1 : characterWidth(character);
    if (width === 0) {
      if (pen.column > 0) this.#screen.combine(pen.row, pen.column - (pen.wrapping ? 0 : 1), character);
      return;
    }
    if (width > this.columns) return;
    if (pen.wrapping || pen.column + width > this.columns) {
      if (this.wrap) {
        pen.column = 0;
        this.lineFeed();
      } else {
        pen.column = this.columns - width;
      }
    }
    pen.wrapping = false;
    const { look, erased } = pen.rendition;
    if (this.insert) this.#screen.insertCells(pen.row, pen.column, width, erased);
    this.#screen.put(pen.row, pen.column, character, look, width);
    pen.column += width;
    if (pen.column >= this.columns) {
      pen.column = this.columns - 1;
      pen.wrapping = this.wrap;
    }
  }

  /** Index: down, and up with the lines when it is at the lower margin. */
  lineFeed(): void {
    const { pen } = this;
    pen.wrapping = false;
    if (pen.row === this.bottom) this.scrollUp(1);
    else if (pen.row < this.rows - 1) pen.row += 1;
  }

  reverseLineFeed(): void {
    const { pen } = this;
    pen.wrapping = false;
    if (pen.row === this.top) this.scrollDown(1);
    else if (pen.row > 0) pen.row -= 1;
  }

  carriageReturn(): void {
    this.pen.column = 0;
    this.pen.wrapping = false;
  }

  /** To a row as a control names it: with origin mode, from the upper margin on. */
  toRow(row: number): void {
    const { origin } = this.pen;
    this.pen.row = origin ? between(this.top, row + this.top, this.bottom) : between(0, row, this.rows - 1);
    this.pen.wrapping = false;
  }

  toColumn(column: number): void {
    this.pen.column = between(0, column, this.columns - 1);
    this.pen.wrapping = false;
  }

  /** Down, or up; a margin that it does not stand beyond holds it. */
  moveRows(by: number): void {
    const { pen } = this;
    const lowest = pen.row <= this.bottom ? this.bottom : this.rows - 1;
    const highest = pen.row >= this.top ? this.top : 0;
    pen.row = between(highest, pen.row + by, lowest);
    pen.wrapping = false;
  }

  moveColumns(by: number): void {
    this.toColumn(this.pen.column + by);
  }

  /** To the right, or with less than 0 to the left. */
  tab(count: number): void {
    const step = count < 0 ? -1 : 1;
    for (let left = Math.min(Math.abs(count), this.columns); left > 0; left -= 1)
      this.toColumn(this.#tabs.next(this.pen.column, step, this.columns));
  }

  setTab(): void {
    this.#tabs.set(this.pen.column);
  }

  clearTabs(all: boolean): void {
    if (all) this.#tabs.clearAll();
    else this.#tabs.clear(this.pen.column);
  }

  /** 0 from the cursor on, 1 up to it, 2 all. */
  eraseInLine(which: number): void {
    const { row, column, rendition } = this.pen;
    const from = which === 0 ? column : 0;
    this.#screen.erase(row, from, which === 1 ? column + 1 : this.columns, rendition.erased);
  }

  eraseInScreen(which: number): void {
    const { row, rendition } = this.pen;
    if (which < 2) this.eraseInLine(which);
    const from = which === 0 ? row + 1 : 0;
    this.#screen.eraseRows(from, which === 1 ? row : this.rows, rendition.erased);
  }

  eraseCells(count: number): void {
    const { row, column, rendition } = this.pen;
    this.#screen.erase(row, column, Math.min(column + count, this.columns), rendition.erased);
  }

  insertCells(count: number): void {
    this.#screen.insertCells(this.pen.row, this.pen.column, count, this.pen.rendition.erased);
  }

  deleteCells(count: number): void {
    this.#screen.deleteCells(this.pen.row, this.pen.column, count, this.pen.rendition.erased);
  }

  insertLines(count: number): void {
    const { row, rendition } = this.pen;
    if (row < this.top || row > this.bottom) return;
    this.#screen.scrollDown(row, this.bottom, count, rendition.erased);
    this.carriageReturn();
  }

  deleteLines(count: number): void {
    const { row, rendition } = this.pen;
    if (row < this.top || row > this.bottom) return;
    this.#screen.scrollUp(row, this.bottom, count, rendition.erased);
    this.carriageReturn();
  }

  scrollUp(count: number): void {
    this.#screen.scrollUp(this.top, this.bottom, count, this.pen.rendition.erased);
  }

  scrollDown(count: number): void {
    this.#screen.scrollDown(this.top, this.bottom, count, this.pen.rendition.erased);
  }

  /** Rows counted from 0; what is no region changes nothing. */
  margins(top: number, bottom: number): void {
    const lowest = Math.min(bottom, this.rows - 1);
    if (top >= lowest) return;
    this.top = top;
    this.bottom = lowest;
    this.toColumn(0);
    this.toRow(0);
  }

  origin(on: boolean): void {
    this.pen.origin = on;
    this.toColumn(0);
    this.toRow(0);
  }

  save(): void {
    this.#saved = copyOf(this.pen);
  }

  restore(): void {
    this.pen = copyOf(this.#saved);
    this.pen.row = Math.min(this.pen.row, this.rows - 1);
    this.pen.column = Math.min(this.pen.column, this.columns - 1);
  }

  /** To the other screen, which is empty then, or back. */
  other(shown: boolean): void {
    if (shown === this.onOther) return;
    if (shown) {
      this.#first = this.#screen;
      this.#firstSaved = this.#saved;
      this.#saved = freshPen();
      this.#screen = new Grid(this.columns, this.rows, this.#first);
    } else if (this.#first !== undefined) {
      this.#screen = this.#first;
      this.#saved = this.#firstSaved ?? this.#saved;
      this.#first = undefined;
    }
  }

  /** DECSTR: what is set, not what is shown. */
  softReset(): void {
    const { row, column } = this.pen;
    this.pen = { ...freshPen(), row, column };
    this.#saved = freshPen();
    this.wrap = true;
    this.insert = false;
    this.newline = this.#newline;
    this.cursorShown = true;
    this.top = 0;
    this.bottom = this.rows - 1;
  }

  /** DECALN. */
  fillWithE(): void {
    this.top = 0;
    this.bottom = this.rows - 1;
    this.#screen.fill("E");
    this.pen.row = 0;
    this.carriageReturn();
  }

  resize(columns: number, rows: number): void {
    // Lines above the cursor make room, as terminals do, so that it stays in sight.
    const gone = Math.max(0, this.pen.row - (rows - 1));
    this.#screen.resize(columns, rows, gone);
    this.#first?.resize(columns, rows, gone);
    this.#tabs.widen(this.columns, columns);
    this.columns = columns;
    this.rows = rows;
    this.top = 0;
    this.bottom = rows - 1;
    this.pen.row -= gone;
    this.pen.column = Math.min(this.pen.column, columns - 1);
    this.pen.wrapping = false;
  }
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}

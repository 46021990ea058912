import { Interned } from "./interned.ts";

/** One row. */
interface Line {
  /** Code points; SECOND_HALF in the second cell of a wide one; from COMBINED on what consists of several. */
  readonly cells: Uint32Array;
  /** How each looks, by number. */
  readonly looks: Uint16Array;
}

const SPACE = 0x20;
const SECOND_HALF = 0;
const COMBINED = 0x110000;
/** A letter with all that combines with it. */
const LONGEST_CELL = 16;
/** Of one recording's looks and combinations; hostile ones get no more of our memory. */
const MOST_LOOKS = 0xffff;
const MOST_COMBINED = 0xffff;

/** Rows of cells, and what is done to cells. Rows and columns count from 0; callers stay inside. */
export class Grid {
  columns: number;
  #lines: Line[];
  readonly #looks: Interned;
  readonly #combined: Interned;

  /** @param like has the same looks and combinations, for which there is room once. */
  constructor(columns: number, rows: number, like?: Grid) {
    this.columns = columns;
    this.#lines = Array.from({ length: rows }, () => blank(columns));
    this.#looks = like === undefined ? new Interned("", MOST_LOOKS) : like.#looks;
    this.#combined = like === undefined ? new Interned("\u{fffd}", MOST_COMBINED) : like.#combined;
  }

  /** The character of a cell, "" for the second half of a wide one, and the sequence that makes it look as it does. */
  cell(row: number, column: number): { readonly text: string; readonly look: string } {
    const line = this.#lines[row];
    const cell = line?.cells[column] ?? SPACE;
    return { text: this.#text(cell), look: this.#looks.text(line?.looks[column] ?? 0) };
  }

  put(row: number, column: number, character: string, look: string, width: 1 | 2): void {
    const line = this.#lines[row];
    if (line === undefined) return;
    this.#split(line, column);
    this.#split(line, column + width);
    const number = this.#looks.number(look);
    line.cells[column] = character.codePointAt(0) ?? SPACE;
    line.looks[column] = number;
    if (width === 2) {
      line.cells[column + 1] = SECOND_HALF;
      line.looks[column + 1] = number;
    }
  }

  /** As many ASCII characters as fit into the row. */
  putAscii(row: number, column: number, text: string, look: string): void {
    const line = this.#lines[row];
    if (line === undefined) return;
    this.#split(line, column);
    this.#split(line, column + text.length);
    const { cells, looks } = line;
    for (let index = 0; index < text.length; index += 1) cells[column + index] = text.charCodeAt(index);
    looks.fill(this.#looks.number(look), column, column + text.length);
  }

  /** Adds what combines to the character that stands in this cell. */
  combine(row: number, column: number, mark: string): void {
    const line = this.#lines[row];
    if (line === undefined) return;
    const at = line.cells[column] === SECOND_HALF ? column - 1 : column;
    const combined = this.#text(line.cells[at] ?? SPACE) + mark;
    if (combined.length > LONGEST_CELL) return;
    const number = this.#combined.number(combined);
    if (number !== 0) line.cells[at] = COMBINED + number;
  }

  erase(row: number, from: number, to: number, look: string): void {
    const line = this.#lines[row];
    if (line === undefined || from >= to) return;
    this.#split(line, from);
    this.#split(line, to);
    line.cells.fill(SPACE, from, to);
    line.looks.fill(this.#looks.number(look), from, to);
  }

  eraseRows(from: number, to: number, look: string): void {
    this.#empty(this.#lines.slice(from, to), look);
  }

  insertCells(row: number, column: number, count: number, look: string): void {
    const line = this.#lines[row];
    if (line === undefined) return;
    this.#split(line, column);
    const to = Math.min(column + count, this.columns);
    // A wide one whose second cell goes over the margin.
    this.#split(line, this.columns - (to - column));
    line.cells.copyWithin(to, column);
    line.looks.copyWithin(to, column);
    line.cells.fill(SPACE, column, to);
    line.looks.fill(this.#looks.number(look), column, to);
  }

  deleteCells(row: number, column: number, count: number, look: string): void {
    const line = this.#lines[row];
    if (line === undefined) return;
    const most = Math.min(count, this.columns - column);
    this.#split(line, column);
    this.#split(line, column + most);
    line.cells.copyWithin(column, column + most);
    line.looks.copyWithin(column, column + most);
    line.cells.fill(SPACE, this.columns - most);
    line.looks.fill(this.#looks.number(look), this.columns - most);
  }

  /** Rows `top` to `bottom`, both included, go up by `count`. The rows that leave come back as the empty ones. */
  scrollUp(top: number, bottom: number, count: number, look: string): void {
    const most = Math.min(count, bottom - top + 1);
    const left = this.#lines.splice(top, most);
    this.#empty(left, look);
    this.#lines.splice(bottom - most + 1, 0, ...left);
  }

  scrollDown(top: number, bottom: number, count: number, look: string): void {
    const most = Math.min(count, bottom - top + 1);
    const left = this.#lines.splice(bottom - most + 1, most);
    this.#empty(left, look);
    this.#lines.splice(top, 0, ...left);
  }

  fill(character: string): void {
    for (const { cells, looks } of this.#lines) {
      cells.fill(character.charCodeAt(0));
      looks.fill(0);
    }
  }

  /** Without joining or breaking lines. `gone`: how many rows go at the top. */
  resize(columns: number, rows: number, gone: number): void {
    const kept = this.#lines.slice(gone, gone + rows);
    this.columns = columns;
    this.#lines = kept.map((line) => {
      const resized = blank(columns);
      this.#split(line, columns);
      resized.cells.set(line.cells.subarray(0, columns));
      resized.looks.set(line.looks.subarray(0, columns));
      return resized;
    });
    while (this.#lines.length < rows) this.#lines.push(blank(columns));
  }

  #text(cell: number): string {
    if (cell === SECOND_HALF) return "";
    return cell < COMBINED ? String.fromCodePoint(cell) : this.#combined.text(cell - COMBINED);
  }

  #empty(lines: readonly Line[], look: string): void {
    const number = this.#looks.number(look);
    for (const { cells, looks } of lines) {
      cells.fill(SPACE);
      looks.fill(number);
    }
  }

  /** A wide character of which one cell is about to change is gone: before `column` stands its first, at it its second half. */
  #split(line: Line, column: number): void {
    if (line.cells[column] !== SECOND_HALF) return;
    line.cells[column] = SPACE;
    if (column > 0) line.cells[column - 1] = SPACE;
  }
}

function blank(columns: number): Line {
  return { cells: new Uint32Array(columns).fill(SPACE), looks: new Uint16Array(columns) };
}

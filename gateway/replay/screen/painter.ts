import type { ScreenModel } from "./model.ts";

/** Of the operator's terminal, in cells. */
export interface Area {
  readonly columns: number;
  readonly rows: number;
}

const PLAIN = "\x1b[m";

/**
 * Draws a model on the operator's terminal, in its upper left, with rows of our own at its bottom. Only rows that changed are
 * sent. Of a model that is larger than the terminal the part around the cursor is drawn.
 */
export class Painter {
  /** What stands in each row of the terminal. */
  #shown: (string | undefined)[] = [];
  #cursor = "";
  #shape = "";
  #reversed = false;

  /** The terminal's rows are not what was painted any more. */
  forget(): void {
    this.#shown = [];
    this.#cursor = "";
  }

  /** @param own for the bottom; each is cut where the terminal ends. */
  paint(model: ScreenModel, area: Area, own: readonly string[]): string {
    const height = Math.max(1, area.rows - own.length);
    const { row, column } = model.pen;
    const top = Math.max(0, row - (height - 1));
    const left = Math.max(0, column - (area.columns - 1));
    const rows: string[] = [];
    for (let n = 0; n < height; n += 1)
      rows.push(top + n < model.rows ? paintedRow(model, top + n, left, area.columns) : "");
    for (const line of own) rows.push(`\x1b[0;7m${line.slice(0, area.columns).padEnd(area.columns)}${PLAIN}`);

    let out = "";
    rows.slice(0, area.rows).forEach((text, index) => {
      if (this.#shown[index] === text) return;
      this.#shown[index] = text;
      // Erased first: after a character in the last column that one would be erased.
      out += `\x1b[${index + 1};1H\x1b[K${text}`;
    });
    if (out !== "") out = `\x1b[?25l\x1b[?7l${out}\x1b[?7h`;
    out += this.#modes(model);
    // Where it is seen; below it our own rows begin.
    const place = `\x1b[${row - top + 1};${column - left + 1}H`;
    const cursor = model.cursorShown ? `${place}\x1b[?25h` : "\x1b[?25l";
    if (out === "" && cursor === this.#cursor) return "";
    this.#cursor = cursor;
    return out + cursor;
  }

  /** Rows of text alone, such as the help. */
  paintText(lines: readonly string[], area: Area): string {
    this.forget();
    const shown = lines
      .slice(0, area.rows)
      .map((line, index) => `\x1b[${index + 1};1H${line.slice(0, area.columns)}`);
    return `\x1b[?25l${PLAIN}\x1b[H\x1b[2J${shown.join("")}`;
  }

  #modes(model: ScreenModel): string {
    let out = "";
    if (model.reversed !== this.#reversed) out += `\x1b[?5${model.reversed ? "h" : "l"}`;
    if (model.cursorShape !== this.#shape)
      out += `\x1b[${model.cursorShape === "" ? "0" : model.cursorShape} q`;
    this.#reversed = model.reversed;
    this.#shape = model.cursorShape;
    return out;
  }
}

/** The rows of a model down to the last that has something, one after the other, as text to be left on a terminal. */
export function printedRows(model: ScreenModel, columns: number): string {
  const rows = Array.from({ length: model.rows }, (_, row) => paintedRow(model, row, 0, columns));
  while (rows.at(-1) === "") rows.pop();
  return rows.map((row) => `${row}\r\n`).join("");
}

/** Without the plain blanks at its end; begun and left with nothing set. */
function paintedRow(model: ScreenModel, row: number, left: number, columns: number): string {
  let out = "";
  let kept = 0;
  let look = "";
  const end = Math.min(model.columns, left + columns);
  for (let column = left; column < end; column += 1) {
    const cell = model.cell(row, column);
    if (cell.look !== look) out += cell.look === "" ? PLAIN : cell.look;
    look = cell.look;
    // Half of a wide one at the edge of what is drawn.
    const isCut =
      (cell.text === "" && column === left) || (column === end - 1 && isFirstHalf(model, row, column));
    out += isCut ? " " : cell.text;
    if (look !== "" || cell.text !== " ") kept = out.length;
  }
  const drawn = out.slice(0, kept);
  return drawn.includes("\x1b") ? drawn + PLAIN : drawn;
}

function isFirstHalf(model: ScreenModel, row: number, column: number): boolean {
  return column + 1 < model.columns && model.cell(row, column + 1).text === "";
}

import type { ScreenModel } from "./model.ts";

/** What a terminal needs after its rows were painted, so that output which comes next does what it would have done. */
export function stateAfterPainting(model: ScreenModel): string {
  const { pen, top, bottom, rows } = model;
  const margins = top === 0 && bottom === rows - 1 ? "" : `\x1b[${top + 1};${bottom + 1}r`;
  // With origin mode, rows are counted from the upper margin.
  const row = pen.origin ? pen.row - top : pen.row;
  return [
    margins,
    pen.origin ? "\x1b[?6h" : "",
    `\x1b[${row + 1};${pen.column + 1}H`,
    pen.charsets.restoring,
    pen.rendition.look,
    model.wrap ? "" : "\x1b[?7l",
    model.insert ? "\x1b[4h" : "",
    model.cursorShown ? "" : "\x1b[?25l",
  ].join("");
}

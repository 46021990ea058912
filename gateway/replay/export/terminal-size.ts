import type { WindowSize } from "../../ssh/messages/channel-request.ts";

/** What a terminal without a size is taken for, as terminals have been since the VT100. */
export const USUAL = { columns: 80, rows: 24 } as const;
/** Larger than any screen; a stranger may claim four thousand million. */
const MOST_COLUMNS = 1000;
const MOST_ROWS = 500;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A claimed size as one that programs can draw in. */
export function drawable(size: WindowSize | undefined): TerminalSize {
  if (size === undefined) return USUAL;
  return {
    columns: size.columns === 0 ? USUAL.columns : Math.min(size.columns, MOST_COLUMNS),
    rows: size.rows === 0 ? USUAL.rows : Math.min(size.rows, MOST_ROWS),
  };
}

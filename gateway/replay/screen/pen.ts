import { Charsets } from "./charsets.ts";
import { Rendition } from "./rendition.ts";

/** Where the cursor stands and how it writes: what DECSC keeps. */
export interface Pen {
  row: number;
  column: number;
  /** A character was put into the last column, and the next one begins a new line. */
  wrapping: boolean;
  origin: boolean;
  rendition: Rendition;
  charsets: Charsets;
}

export function freshPen(): Pen {
  return {
    row: 0,
    column: 0,
    wrapping: false,
    origin: false,
    rendition: new Rendition(),
    charsets: new Charsets(),
  };
}

export function copyOf(pen: Pen): Pen {
  return { ...pen, rendition: pen.rendition.copy(), charsets: pen.charsets.copy() };
}

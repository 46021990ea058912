import type { Contents } from "./contents.ts";
import type { Encoding } from "./decoder.ts";

/** A file that a shell's commands wrote out of what stands in them, or of what their channel sent. */
export interface DroppedFile {
  /** Of its beginning. copy: out of other such files. */
  readonly way: "echo" | "printf" | "here-document" | "standard input" | "copy";
  /** What it passed through before it was written. */
  readonly decoded?: Encoding;
  readonly channel: number;
  /** When it began, in nanoseconds since the session's start. */
  readonly at: bigint;
  /** As said; one character per byte. */
  readonly path: string;
  /** Added to a file of which the beginning is not known. */
  readonly appended?: true;
}

export type OpenDropped = (file: DroppedFile) => Contents;

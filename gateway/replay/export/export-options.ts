import type { Writable } from "node:stream";

export const FORMATS = [
  "asciicast",
  "asciicast-v2",
  "ttylog",
  "typescript",
  "text",
  "jsonl",
  "pcap",
  "files",
  "html",
] as const;
export type Format = (typeof FORMATS)[number];

export interface ExportOptions {
  /** A session's id or the unique beginning of one, or the path of a recording. */
  readonly session: string;
  /** One of FORMATS; asciicast if absent. */
  readonly format?: string;
  /** File or folder to make, by the format; `-` or absent is standard output. */
  readonly output?: string;
  /** Ordinal of a channel. */
  readonly channel?: number;
  /** What was typed too, where the format has a place for it and leaves it out otherwise. */
  readonly input?: boolean;
  /** `credentials`: no credential entry, and nothing of one. */
  readonly redact?: string;
}

export interface ExportStreams {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
}

/** What a format writes: pieces of one file, in order. */
export type Pieces = AsyncIterable<string | Buffer>;
/** Pieces of several files in one folder, each with its file's name. */
export type NamedPieces = AsyncIterable<readonly [file: string, piece: string | Buffer]>;

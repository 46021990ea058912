import type { Writable } from "node:stream";
import type { Keyboard } from "./own-terminal.ts";

export interface PlayOptions {
  /** A session's id or the unique beginning of one, or the path of a recording. */
  readonly session: string;
  /** Times as fast as it was; 1 if absent. */
  readonly speed?: number;
  /** Seconds that no pause is longer than. */
  readonly idleLimit?: number;
  /** Ordinal of the channel to play. */
  readonly channel?: number;
  /** The channel's output to the byte, at once, when stdout is not a terminal. */
  readonly raw?: boolean;
  /** Ask the operator's terminal to take the recorded sizes. */
  readonly resize?: boolean;
}

export interface PlayStreams {
  readonly stdin: Keyboard;
  readonly stdout: Screen;
  readonly stderr: Writable;
}

/** Standard output, which may be a terminal. */
export interface Screen extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly fd?: number;
}

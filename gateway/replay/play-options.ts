import type { Writable } from "node:stream";
import type { Asked } from "./choose.ts";
import type { Keyboard } from "./own-terminal.ts";

export interface PlayOptions {
  /** A session's id or the unique beginning of one, or the path of a recording. */
  readonly session: string;
  /** Times as fast as it was; 1 if absent. */
  readonly speed?: number;
  /** Seconds that no pause is longer than. */
  readonly idleLimit?: number;
  /** Ordinal of the channel to play, or all that were started. */
  readonly channel?: Asked;
  /** Where to begin: seconds, `1:30`, `10%`, a time. */
  readonly from?: string;
  /** Go on with a session that still lives, as it goes on. */
  readonly follow?: boolean;
  /** Show what was typed in a row of its own. */
  readonly input?: boolean;
  /** False: no row of ours on the operator's terminal; what was printed goes to it as it is. */
  readonly status?: boolean;
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

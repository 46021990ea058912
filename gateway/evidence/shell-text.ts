/** A word after quotes and backslashes were taken off. */
export interface Word {
  readonly text: string;
  /** False: a variable or a command stands in it, as it was written: what it became is not known. */
  readonly exact: boolean;
}

export interface Redirect {
  readonly fd: number;
  readonly how: "write" | "append" | "read" | "here-string" | "here-document" | "descriptor";
  /** As written, without a number before it. */
  readonly operator: string;
  readonly to: Word;
  /** Of a here-document; `closed`: its delimiter stands there. */
  readonly body?: Word & { readonly closed: boolean };
}

export interface ShellCommand {
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
  /** What stands in its `$(...)`, backticks and `<(...)`. */
  readonly inner: readonly string[];
}

/** Commands that are joined by `|`. */
export type Pipeline = readonly ShellCommand[];

/** On what it depends whether a pipeline is run. */
export interface Flow {
  /** What stands between it and the one before: `&&`, `||`, or anything else. */
  readonly joined: "success" | "failure" | "always";
  /** It stands in a loop, a condition, a function, braces or parentheses. */
  readonly within: boolean;
  /** Nobody waits for it (`&`). */
  readonly background: boolean;
}

export interface ShellText {
  readonly pipelines: readonly Pipeline[];
  /** Of each pipeline. */
  readonly flows: readonly Flow[];
  /** The shell would wait for another line: a quote, a here-document, a loop or the like is open, or a line's end is escaped. */
  readonly open: boolean;
  /** Only this line would end a here-document, of which there is the beginning. */
  readonly delimiter?: string;
}

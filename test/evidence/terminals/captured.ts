/** What a real shell on a real terminal was sent and sent back, and what it says that it ran. */
export interface Captured {
  readonly name: string;
  readonly columns: number;
  readonly ran: readonly Ran[];
  /** i: input, o: output, one character per byte; s: the terminal's new width. */
  readonly stream: readonly (readonly [direction: string, text: string])[];
}

export interface Ran {
  readonly text: string;
  /** As bash says it, the home as `~`. */
  readonly directory?: string;
  readonly status?: number;
}

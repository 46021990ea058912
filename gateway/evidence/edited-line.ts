/** What keys made of a line. */
export interface EditedLine {
  readonly how: "entered" | "abandoned" | "end-of-input";
  /** One character per byte. */
  readonly text: string;
  /** The keys alone do not tell the text (history, completion). */
  readonly unresolved: boolean;
  /** Keys were used that only some line editor knows, not the terminal itself. */
  readonly moved: boolean;
  /** Longer than was kept, or edited more than was followed. */
  readonly cut: boolean;
}

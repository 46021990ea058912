/** The four character sets of a terminal, and which of them is in use (ISO 2022). Only ASCII and DEC's line drawing are told apart. */
export class Charsets {
  readonly #sets = ["B", "B", "B", "B"];
  #used = 0;
  /** For the next character alone. */
  #once: number | undefined;

  designate(which: string, set: string): void {
    const index = "()*+".indexOf(which);
    if (index >= 0) this.#sets[index] = set;
  }

  /** SI and SO, LS2 and LS3: 0 to 3. */
  use(index: number): void {
    this.#used = index;
  }

  useOnce(index: number): void {
    this.#once = index;
  }

  get plain(): boolean {
    return this.#once === undefined && this.#sets[this.#used] !== "0";
  }

  translate(character: string): string {
    const set = this.#sets[this.#once ?? this.#used];
    this.#once = undefined;
    return set === "0" ? (DRAWING.get(character) ?? character) : character;
  }

  copy(): Charsets {
    const copy = new Charsets();
    copy.#sets.splice(0, 4, ...this.#sets);
    copy.#used = this.#used;
    return copy;
  }

  /** What brings a terminal whose sets are ASCII to the same state. */
  get restoring(): string {
    const designations = this.#sets.map((set, index) => (set === "0" ? `\x1b${"()*+"[index] ?? "("}0` : ""));
    return designations.join("") + (["", "\x0e", "\x1bn", "\x1bo"][this.#used] ?? "");
  }
}

/** DEC special graphics, 5F to 7E. */
const DRAWING = new Map(
  Array.from(" ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", (drawn, index) => [
    String.fromCharCode(0x5f + index),
    drawn,
  ]),
);

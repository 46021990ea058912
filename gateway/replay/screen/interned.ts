/** Texts by small numbers. 0 is the one that everything begins with; so is, once it is full, what it has no room for. */
export class Interned {
  readonly #most: number;
  readonly #texts: string[];
  readonly #numbers: Map<string, number>;

  constructor(zero: string, most: number) {
    this.#most = most;
    this.#texts = [zero];
    this.#numbers = new Map([[zero, 0]]);
  }

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.#texts.length >= this.#most) return 0;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  text(number: number): string {
    return this.#texts[number] ?? this.#texts[0] ?? "";
  }
}

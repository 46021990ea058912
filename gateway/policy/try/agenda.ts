/** What happens at its time, the earliest first; of what happens at the same time, what was noted first. A binary heap. */
export class Agenda<What> {
  readonly #items: { readonly at: number; readonly order: number; readonly what: What }[] = [];
  #noted = 0;

  /** When the next one is due; Infinity where there is none. */
  get next(): number {
    return this.#items[0]?.at ?? Infinity;
  }

  note(at: number, what: What): void {
    const items = this.#items;
    let place = items.push({ at, order: this.#noted++, what }) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#isBefore(place, above)) return;
      this.#swap(place, above);
      place = above;
    }
  }

  take(): What | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first?.what;
    items[0] = last;
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      let least = place;
      if (left < items.length && this.#isBefore(left, least)) least = left;
      if (right < items.length && this.#isBefore(right, least)) least = right;
      if (least === place) return first.what;
      this.#swap(place, least);
      place = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#items[one], this.#items[other]];
    if (a === undefined || b === undefined) return false;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#items[one], this.#items[other]];
    if (a === undefined || b === undefined) return;
    [this.#items[one], this.#items[other]] = [b, a];
  }
}

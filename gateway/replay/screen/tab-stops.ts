/** Columns where a tab stops, from 0. */
export class TabStops {
  #stops: Set<number>;

  /** One in each eight columns. */
  constructor(columns: number) {
    this.#stops = everyEighth(columns);
  }

  set(column: number): void {
    this.#stops.add(column);
  }

  clear(column: number): void {
    this.#stops.delete(column);
  }

  clearAll(): void {
    this.#stops.clear();
  }

  /** A terminal that became wider has them there, too. */
  widen(from: number, to: number): void {
    for (const stop of everyEighth(to)) if (stop >= from) this.#stops.add(stop);
  }

  /** The next one to the right (1) or to the left (-1), or the margin. */
  next(column: number, step: 1 | -1, columns: number): number {
    let at = column;
    do at += step;
    while (at > 0 && at < columns - 1 && !this.#stops.has(at));
    return Math.max(0, Math.min(at, columns - 1));
  }
}

function everyEighth(columns: number): Set<number> {
  return new Set(Array.from({ length: Math.ceil(columns / 8) }, (_, index) => index * 8));
}

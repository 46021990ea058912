/** Told apart; over that, two that lie near are taken for two without anything between, and a hole is lost sight of. */
const MOST = 4096;
const MOST_HOLES_TOLD = 100;

/** Which parts of a file are there. */
export class Extents {
  /** In order, not touching each other. */
  #parts: { from: number; to: number }[] = [];
  #crowded = false;

  /** Where the last part ends. */
  get end(): number {
    return this.#parts.at(-1)?.to ?? 0;
  }

  add(from: number, to: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && from <= last.to && from >= last.from) {
      last.to = Math.max(last.to, to);
      return;
    }
    if (this.#parts.length >= MOST) {
      // Of such a file it is said that its holes are not all known.
      this.#crowded = true;
      if (last !== undefined) last.to = Math.max(last.to, to);
      return;
    }
    const at = this.#parts.findIndex((part) => part.to >= from);
    if (at === -1) {
      this.#parts.push({ from, to });
      return;
    }
    let merged = { from, to };
    let until = at;
    for (; until < this.#parts.length; until++) {
      const part = this.#parts[until];
      if (part === undefined || part.from > to) break;
      merged = { from: Math.min(merged.from, part.from), to: Math.max(merged.to, part.to) };
    }
    this.#parts.splice(at, until - at, merged);
  }

  /** From and to of what is missing before the end: the first of them. */
  holes(): (readonly [from: number, to: number])[] {
    const holes: (readonly [number, number])[] = [];
    let reached = 0;
    for (const { from, to } of this.#parts) {
      if (from > reached && holes.length < MOST_HOLES_TOLD) holes.push([reached, from]);
      reached = to;
    }
    // What could not be told apart is one hole as large as it may be.
    return this.#crowded ? [[0, this.end]] : holes;
  }
}

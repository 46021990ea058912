/**
 * So many at once, so many more with each second, so many in all: a flood uses up what is at hand and is counted from then on, and
 * what comes after it is told again.
 */
export class Allowance {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #atHand: number;
  #last = -Infinity;

  constructor({ burst, perSecond, most }: { burst: number; perSecond: number; most: number }) {
    this.#burst = this.#atHand = burst;
    this.#perSecond = perSecond;
    this.#left = most;
  }

  /** @param time microseconds since 1970. */
  take(time: number): boolean {
    const seconds = Math.max(0, (time - this.#last) / 1e6);
    this.#atHand = Math.min(this.#burst, this.#atHand + seconds * this.#perSecond);
    this.#last = time;
    if (this.#atHand < 1 || this.#left === 0) return false;
    this.#atHand--;
    this.#left--;
    return true;
  }
}

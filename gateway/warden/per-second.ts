/** Lets so many pass in a second, and says at its end how many did not. */
export class PerSecond {
  readonly #most: number;
  readonly #lost: (count: number) => void;
  #second = 0;
  #count = 0;

  constructor(most: number, lost: (count: number) => void = () => undefined) {
    this.#most = most;
    this.#lost = lost;
  }

  take(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      if (this.#count > this.#most) this.#lost(this.#count - this.#most);
      this.#second = second;
      this.#count = 0;
    }
    return ++this.#count <= this.#most;
  }
}

/**
 * Local ports for paths, each given out again as late as possible: the queue is first in, first out, so that with
 * 20,000 ports one comes round after 20,000 connects, and not before its map entry and its TIME_WAIT are over.
 */
export class PathPorts {
  readonly #queue: { readonly port: number; readonly freeAt: number }[];
  #head = 0;
  readonly #rest: number;
  readonly #now: () => number;

  /** @param rest milliseconds between a port's return and its next use. */
  constructor(first: number, count: number, rest: number, now: () => number = Date.now) {
    this.#queue = Array.from({ length: count }, (_, index) => ({ port: first + index, freeAt: 0 }));
    this.#rest = rest;
    this.#now = now;
  }

  /** Undefined when every port is in use or resting. */
  take(): number | undefined {
    const next = this.#queue[this.#head];
    if (next === undefined || next.freeAt > this.#now()) return undefined;
    this.#head++;
    // Shifting an array of this size at each connect would cost more than the connect.
    if (this.#head > 4096) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return next.port;
  }

  giveBack(port: number): void {
    this.#queue.push({ port, freeAt: this.#now() + this.#rest });
  }
}

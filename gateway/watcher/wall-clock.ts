/** Microseconds that the wall clock may drift from what it was first, before it is taken for stepped. */
const STEP = 20_000;

/**
 * Makes microseconds since 1970 of the kernel's times, which are of the clock that Node's hrtime reads. What is later stays later, unless
 * the wall clock is stepped.
 */
export class WallClock {
  #offset = this.#look();

  /** To be called now and then. */
  look(): void {
    const offset = this.#look();
    if (Math.abs(offset - this.#offset) > STEP) this.#offset = offset;
  }

  at(time: bigint): number {
    return this.#offset + Math.floor(Number(time) / 1000);
  }

  #look(): number {
    return Date.now() * 1000 - Math.floor(Number(process.hrtime.bigint()) / 1000);
  }
}

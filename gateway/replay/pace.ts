const NANOSECONDS = 1_000_000;
/** A timer holds 2^31 - 1 ms at most; a long wait is made of several. */
const LONGEST_TIMER_MS = 86_400_000;
const FASTEST = 64;
const SLOWEST = 1 / 16;

/** The clock of a playing: runs, stands still, steps, goes faster or slower while it runs. */
export class Pace {
  #speed = 1;
  #paused = false;
  #steps = 0;
  #stopped = false;
  /** Time of the recording, in nanoseconds, at the moment `#since` of this machine's clock. */
  #position = 0;
  #since = performance.now();
  #wake: (() => void) | undefined;

  /** The next event is at 0. */
  restart(): void {
    this.#moveTo(0);
  }

  /** Waits until it is `at` (nanoseconds), or stopped. */
  async until(at: bigint): Promise<void> {
    while (!this.#stopped) {
      if (this.#paused && this.#steps > 0) {
        this.#steps -= 1;
        this.#moveTo(Number(at));
        return;
      }
      const wait = (Number(at) - this.#now()) / NANOSECONDS / this.#speed;
      if (!this.#paused && wait <= 0) return;
      await this.#sleep(this.#paused ? undefined : Math.min(wait, LONGEST_TIMER_MS));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  togglePause(): void {
    this.#moveTo(this.#now());
    this.#paused = !this.#paused;
    this.#steps = 0;
    this.#wake?.();
  }

  /** While it stands still: on to the next event. */
  step(): void {
    if (!this.#paused) return;
    this.#steps += 1;
    this.#wake?.();
  }

  changeSpeed(factor: number): void {
    this.#moveTo(this.#now());
    this.#speed = Math.min(FASTEST, Math.max(SLOWEST, this.#speed * factor));
    this.#wake?.();
  }

  #now(): number {
    if (this.#paused) return this.#position;
    return this.#position + (performance.now() - this.#since) * NANOSECONDS * this.#speed;
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#since = performance.now();
  }

  #sleep(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

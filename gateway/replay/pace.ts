/** A timer holds 2^31 - 1 ms at most; a long wait is made of several. */
const LONGEST_TIMER_MS = 86_400_000;
const NANOSECONDS = 1_000_000;
const FASTEST = 64;
const SLOWEST = 1 / 16;

/** The clock of a playing, in nanoseconds of the recording: runs, stands still, steps, jumps, goes faster or slower while it runs. */
export class Pace {
  #speed: number;
  readonly #longest: number;
  #paused = false;
  #steps = 0;
  #stopped = false;
  #interrupted = false;
  /** Time of the recording at the moment `#since` of this machine's clock. */
  #position = 0;
  #since = performance.now();
  /** Of the last event that was waited for. */
  #last: number | undefined;
  #wake: (() => void) | undefined;

  /** @param idleLimit seconds of the recording that no wait is longer than. */
  constructor({ speed = 1, idleLimit = Infinity }: { speed?: number; idleLimit?: number } = {}) {
    this.#speed = speed;
    this.#longest = idleLimit * 1000 * NANOSECONDS;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get speed(): number {
    return this.#speed;
  }

  /** Nanoseconds; while it runs, never later than what comes next. */
  get now(): bigint {
    return BigInt(Math.round(this.#now()));
  }

  /** It is `at` now; nothing was waited for before. */
  jump(at: bigint): void {
    this.#moveTo(Number(at));
    this.#last = undefined;
    this.#interrupted = false;
  }

  /**
   * Waits until it is `at`. False: it was interrupted or stopped before.
   *
   * @param counts false: a step goes on over it to the next.
   */
  async until(at: bigint, counts = true): Promise<boolean> {
    const time = Number(at);
    this.#skipIdle(time);
    while (!this.#stopped && !this.#interrupted) {
      if (this.#paused && this.#steps > 0) {
        if (counts) this.#steps -= 1;
        this.#moveTo(time);
        return true;
      }
      const wait = (time - this.#now()) / NANOSECONDS / this.#speed;
      if (!this.#paused && wait <= 0) return true;
      await this.#sleep(this.#paused ? undefined : Math.min(wait, LONGEST_TIMER_MS));
    }
    return false;
  }

  /** While it stands still: until it runs again, or is interrupted or stopped. */
  async standing(): Promise<void> {
    while (this.#paused && this.#steps === 0 && !this.#stopped && !this.#interrupted)
      await this.#sleep(undefined);
  }

  /** Ends a wait, now or the next, until the next jump. */
  interrupt(): void {
    this.#interrupted = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  pause(paused: boolean): void {
    this.#moveTo(this.#now());
    this.#paused = paused;
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
    // A speed that was asked for beyond these stays until it is changed towards them.
    const fastest = Math.max(FASTEST, this.#speed);
    const slowest = Math.min(SLOWEST, this.#speed);
    this.setSpeed(Math.min(fastest, Math.max(slowest, this.#speed * factor)));
  }

  setSpeed(speed: number): void {
    this.#moveTo(this.#now());
    this.#speed = speed;
    this.#wake?.();
  }

  #skipIdle(time: number): void {
    if (this.#last !== undefined && time - this.#last > this.#longest)
      this.#moveTo(Math.max(this.#now(), time - this.#longest));
    this.#last = time;
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

import { stat, statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Room } from "../sandbox/room.ts";

/** What gives room back, one sandbox at a time. Both say whether there was one, when it is gone. */
export interface Relief {
  evictIdle(): Promise<boolean>;
  endFullest(): Promise<boolean>;
  /** There is room again, or there is none any more: look at what is to be made. */
  policyChanged(): void;
}

export interface DiskFloorOptions {
  /** Recordings and captures are written below it; they are evidence, and only `retention` removes any. */
  readonly data: string;
  /** The engine's folder, where the sandboxes' disks lie. */
  readonly engine: string;
  /** `limits.diskFloor` in force, in bytes. */
  readonly floor: () => number;
  readonly log: Logger;
  /** Free bytes of the file system that the folder is on; for tests. */
  readonly freeIn?: (folder: string) => Promise<number>;
}

type State = "enough" | "short" | "critical";

/** A disk takes 720 MB/s from one sandbox (measured): half the default floor lasts for three looks. A look takes 0.1 ms. */
const LOOK_EVERY = 500;
/** Room has to be this much over the floor before it counts as enough again, so that the state does not flutter. */
const SLACK = 1.05;

/**
 * Watches how much room is left on the disks that this machine's own life depends on. Below the floor nobody new is let in; what
 * of it the sandboxes hold is given back, those without a session first, and below half the floor the largest.
 */
export class DiskFloor implements AsyncDisposable {
  readonly #options: DiskFloorOptions;
  readonly #freeIn: (folder: string) => Promise<number>;
  readonly #stop = new AbortController();
  #watch: Promise<void> = Promise.resolve();
  #state: State = "enough";
  #free = Infinity;
  #failed = false;
  /** Whether ending sandboxes gives room back where it is short. */
  #sharesDisk = true;
  #seesEngine = true;

  private constructor(options: DiskFloorOptions) {
    this.#options = options;
    this.#freeIn = options.freeIn ?? freeIn;
  }

  /** Has looked once. */
  static async open(options: DiskFloorOptions): Promise<DiskFloor> {
    const floor = new DiskFloor(options);
    await floor.#findDisks();
    await floor.#look();
    return floor;
  }

  get room(): Room {
    return { isShort: this.#state !== "enough", free: this.#free };
  }

  watch(relief: Relief): void {
    this.#watch = this.#keepLooking(relief);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watch;
  }

  async #findDisks(): Promise<void> {
    const { data, engine, log } = this.#options;
    const [one, other] = await Promise.all([stat(data), stat(engine).catch(() => undefined)]);
    this.#seesEngine = other !== undefined;
    this.#sharesDisk = other?.dev === one.dev;
    if (!this.#seesEngine)
      log.warn(`limits.diskFloor does not watch Docker Engine's disk: ${engine} cannot be seen from here.`);
  }

  async #keepLooking(relief: Relief): Promise<void> {
    for (;;) {
      await sleep(LOOK_EVERY, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      const before = this.room.isShort;
      const canRelieve = await this.#look();
      if (this.room.isShort !== before) relief.policyChanged();
      if (!canRelieve) continue;
      try {
        await (this.#state === "critical" ? relief.endFullest() : relief.evictIdle());
      } catch (error) {
        this.#options.log.error({ err: error }, "no room could be made on the disk");
      }
    }
  }

  /** @returns whether sandboxes hold what is short. */
  async #look(): Promise<boolean> {
    const { data, engine } = this.#options;
    const floor = this.#options.floor();
    try {
      const ofData = await this.#freeIn(data);
      const ofEngine = !this.#seesEngine || this.#sharesDisk ? ofData : await this.#freeIn(engine);
      this.#free = Math.min(ofData, ofEngine);
      this.#failed = false;
      this.#become(stateOf(this.#free, floor, this.#state), floor);
      return this.#seesEngine && ofEngine < floor;
    } catch (error) {
      // The next look may succeed; that it does not is said once.
      if (!this.#failed) this.#options.log.error({ err: error }, "the room on the disk cannot be seen");
      this.#failed = true;
      return false;
    }
  }

  #become(state: State, floor: number): void {
    if (state === this.#state) return;
    this.#state = state;
    const { log } = this.#options;
    const about = { free: this.#free, floor };
    switch (state) {
      case "enough":
        log.info(about, "there is room on the disk again: strangers are let in");
        break;
      case "short":
        log.warn(
          about,
          "the disk has less room than limits.diskFloor: nobody new is let in, no spare is made",
        );
        break;
      case "critical":
        log.error(
          about,
          "the disk has less room than half of limits.diskFloor: the sandboxes that hold most of it are ended",
        );
        break;
      default:
        state satisfies never;
    }
  }
}

function stateOf(free: number, floor: number, before: State): State {
  if (free < floor / 2) return "critical";
  if (free < floor) return "short";
  return before === "enough" || free > floor * SLACK ? "enough" : "short";
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

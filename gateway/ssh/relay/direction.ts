import type { Origin } from "../../model/entries.ts";
import type { Transport, TransportHandler } from "../transport/transport.ts";
import type { Bounds } from "./bounds.ts";
import type { PendingReplies } from "./pending-replies.ts";
import type { RelayTap } from "./tap.ts";

export interface DirectionOptions {
  readonly downstream: Transport;
  readonly upstream: Transport;
  readonly tap: RelayTap;
  readonly pending: PendingReplies;
  readonly bounds: Bounds | undefined;
  readonly onFailure: (error: unknown) => void;
}

/**
 * One way of the relay: attached to the leg that it reads from, it writes to the other. All that is written to a leg is written by the
 * direction that leads there, so that the order on each leg is the order of one stream.
 */
export abstract class Direction implements TransportHandler {
  /** When the last payload came, on the clock of `performance.now()`. */
  activity = performance.now();
  /** The other way, which is told when the leg read here can be written to again. */
  opposite: Direction | undefined;
  protected readonly tap: RelayTap;
  protected readonly bounds: Bounds | undefined;
  protected readonly from: Transport;
  protected readonly to: Transport;
  readonly #onFailure: (error: unknown) => void;
  #corked = false;
  #full = false;
  #paused = false;
  #stopped = false;

  protected constructor(from: Transport, to: Transport, options: DirectionOptions) {
    this.from = from;
    this.to = to;
    this.tap = options.tap;
    this.bounds = options.bounds;
    this.#onFailure = options.onFailure;
  }

  /** Takes one payload in: gives it to the tap, and passes it on with `forward`, or what is to be said instead. */
  protected abstract take(payload: Buffer, sequence: number): void;

  /** Whether more than the leg written to stands in the way of reading on. */
  protected abstract get held(): boolean;

  payload(payload: Buffer, sequence: number): void {
    if (this.#stopped) return;
    this.#cork();
    try {
      this.take(payload, sequence);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A batch of its own, of what is not from the leg that is read. */
  protected say(act: () => void): void {
    if (this.#stopped) return;
    this.#cork();
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
    this.batchEnd();
  }

  /** Says, as if it came from the leg that is read, what answers something that is not passed on. */
  answer(from: Origin, payload: Buffer): void {
    this.say(() => {
      this.tap.packet(from, payload);
      this.forward(payload);
    });
  }

  /** Records what came since the last call, and lets it leave. */
  batchEnd(): void {
    if (this.#stopped || !this.#corked) return;
    this.activity = performance.now();
    try {
      this.tap.flush();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#corked = false;
    this.to.uncork();
    this.regulate();
  }

  /** The leg that is read here may be written to again. */
  drain(): void {
    this.opposite?.onRoom();
  }

  onRoom(): void {
    this.#full = false;
    this.regulate();
  }

  /** From now on what comes is dropped: it has nowhere to go. Reading goes on, so that the leg's end is seen. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#paused) this.from.resume();
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.to.cork();
  }

  protected forward(payload: Buffer): void {
    if (!this.to.send(payload)) this.#full = true;
  }

  /** Stops or takes up reading, as there is room. */
  regulate(): void {
    if (this.#stopped) return;
    const pause = this.#full || this.held;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.from.pause();
    else this.from.resume();
  }

  /** Still corked: nothing of what was not recorded leaves. */
  #fail(error: unknown): void {
    this.#stopped = true;
    this.#onFailure(error);
  }
}

import { setImmediate as nextTurn } from "node:timers/promises";
import { ProtocolError } from "../failures.ts";

/**
 * More than connections that can be before their login. Each waits for one exchange at most, and one that has ended leaves the queue when its turn
 * comes, so this is never reached unless something else fails to hold.
 */
const MOST_WAITING = 2_000;

/** Arithmetic of one exchange at a time, in the order of asking, each begun in a turn of the loop of its own: what arrived for others is handled before it. */
class Queue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @throws ProtocolError when too many wait, or nobody waits for it any more. */
  async run<T>(isOver: () => boolean, work: () => Promise<T> | T): Promise<T> {
    if (this.#waiting >= MOST_WAITING) throw new ProtocolError("too many key exchanges at once");
    this.#waiting++;
    const former = this.#last;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#last = promise;
    try {
      await former;
      await nextTurn();
      if (isOver()) throw new ProtocolError("gone before its key exchange came to its turn");
      return await work();
    } finally {
      this.#waiting--;
      resolve(undefined);
    }
  }
}

/** About a millisecond on the loop itself. */
export const shortArithmetic = new Queue();
/** Several milliseconds in the thread pool, of which the rest and the other cores stay other people's, however many want an exchange of the costliest kind. */
export const longArithmetic = new Queue();

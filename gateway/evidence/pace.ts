import type { Entry } from "../model/entries.ts";
import type { Observation } from "./observation.ts";

/** How a session went on in time, as far as a deadline or a cap may have ended it earlier. Times are microseconds since its start. */
export interface Pace {
  /** When it was let in. */
  readonly loggedIn: number | undefined;
  /** Pauses after that with no byte from either side, each longer than all before it: when it began, how long it was. */
  readonly pauses: readonly (readonly [at: number, length: number])[];
  /** When how many bytes of payloads had passed, in steps of a fifth, from a megabyte on. */
  readonly growth: readonly (readonly [at: number, bytes: number])[];
}

/** Deadlines are no shorter. In microseconds. */
const SHORTEST_PAUSE = 1_000_000;
/** Recordings may be no smaller. */
const FIRST_GROWTH = 1_000_000;
const GROWTH = 1.2;
/** Whoever makes each pause a bit longer than the last has the longest of them told all the same. */
const MOST_PAUSES = 48;
/** As many steps as lead from a megabyte over any bound that a policy can have. */
const MOST_GROWTH = 128;

/** Gathers it while the entries pass, in bounded memory. */
export class PaceObserver {
  #loggedIn: number | undefined;
  #last = 0;
  #longest = SHORTEST_PAUSE - 1;
  #bytes = 0;
  #next = FIRST_GROWTH;
  readonly #pauses: [number, number][] = [];
  readonly #growth: [number, number][] = [];

  entry(entry: Entry): void {
    if (entry.type !== "packet") return;
    const at = Number(entry.at / 1000n);
    this.#loggedIn ??= this.#last = at;
    this.#paused(at);
    this.#bytes += entry.payload.length;
    if (this.#bytes < this.#next || this.#growth.length >= MOST_GROWTH) return;
    this.#growth.push([at, this.#bytes]);
    this.#next = this.#bytes * GROWTH;
  }

  observed(one: Observation): void {
    if (one.kind === "logged-in") this.#loggedIn ??= this.#last = Number(one.at / 1000n);
    if (one.kind === "session-ended") this.#paused(Number(one.at / 1000n));
  }

  get pace(): Pace {
    return { loggedIn: this.#loggedIn, pauses: this.#pauses, growth: this.#growth };
  }

  #paused(until: number): void {
    const [at, length] = [this.#last, until - this.#last];
    this.#last = until;
    if (this.#loggedIn === undefined || length <= this.#longest) return;
    this.#longest = length;
    this.#pauses.push([at, length]);
    if (this.#pauses.length > MOST_PAUSES) this.#pauses.splice(closest(this.#pauses), 1);
  }
}

/** The one whose loss tells least: what would have ended in it ends in the next one, which is hardly longer. */
function closest(pauses: readonly (readonly [number, number])[]): number {
  let best = 0;
  let least = Infinity;
  for (let index = 0; index + 1 < pauses.length; index++) {
    const ratio = (pauses[index + 1]?.[1] ?? 0) / (pauses[index - 1]?.[1] ?? SHORTEST_PAUSE);
    if (ratio < least) [best, least] = [index, ratio];
  }
  return best;
}

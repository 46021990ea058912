import type { Way } from "./outside.ts";
import type { RecordedConnect } from "./recorded.ts";

/** A destination, and how often sandboxes turned to it. */
export interface Destination {
  readonly protocol: RecordedConnect["protocol"];
  readonly address: string;
  readonly port: number;
  readonly way: Way;
  readonly tries: number;
  readonly sessions: number;
}

export interface Reached {
  /** Tries by what would have become of them. */
  readonly tries: Readonly<Record<Way, number>>;
  /** Different destinations, likewise. */
  readonly destinations: Readonly<Record<Way, number>>;
  /** What would have been let out first; of each way the most wanted first. */
  readonly most: readonly Destination[];
}

const MOST_SHOWN = 20;
const ORDER: readonly Way[] = ["limited", "name", "sinkhole", "deny"];

/** Counts destinations. */
export class Reach {
  readonly #known = new Map<string, Destination & { tries: number; sessions: number; last: string }>();

  /** One session's connects come in any order. */
  add({ protocol, address, port, tries }: RecordedConnect, way: Way, session: string): void {
    const key = `${way} ${protocol} ${address} ${port}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { protocol, address, port, way, tries, sessions: 1, last: session });
      return;
    }
    known.tries += tries;
    if (known.last !== session) known.sessions++;
    known.last = session;
  }

  get reached(): Reached {
    const all = [...this.#known.values()];
    const sums = (value: (destination: Destination) => number) =>
      Object.fromEntries(
        ORDER.map((way) => [way, all.reduce((sum, one) => sum + (one.way === way ? value(one) : 0), 0)]),
      ) as Record<Way, number>;
    const most = all
      .map(({ protocol, address, port, way, tries, sessions }) => ({
        ...{ protocol, address, port, way, tries, sessions },
      }))
      .sort(
        (one, other) =>
          ORDER.indexOf(one.way) - ORDER.indexOf(other.way) ||
          other.sessions - one.sessions ||
          other.tries - one.tries ||
          (placeOf(one) < placeOf(other) ? -1 : 1),
      )
      .slice(0, MOST_SHOWN);
    return { tries: sums(({ tries }) => tries), destinations: sums(() => 1), most };
  }
}

function placeOf({ protocol, address, port }: Destination): string {
  return `${protocol} ${address} ${port}`;
}

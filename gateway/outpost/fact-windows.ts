import type { NetworkFact, NetworkRule } from "../model/network-facts.ts";
import type { Tell, Who } from "./teller.ts";

export interface FactWindowsOptions {
  readonly tell: Tell;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** How long facts of one sandbox are counted together, in milliseconds. */
export const WINDOW = 10_000;
/** Different facts of one sandbox that are told in a window; what else it does is counted by rule. */
export const MOST_DISTINCT = 20;
/** A slot has fewer sandboxes; whoever comes after them is counted in one. */
const MOST_SANDBOXES = 1024;
/** Senders that lie about their address can lie about their hardware address, too. */
const MOST_UNKNOWN = 64;

interface Window {
  readonly who: Who;
  readonly began: number;
  readonly distinct: Map<string, Counted>;
  readonly others: Map<NetworkRule, Counted>;
}

interface Counted {
  readonly fact: NetworkFact;
  /** What has not been told yet. */
  count: number;
}

/**
 * Keeps floods from becoming floods of facts. The first of equal facts is told at once, all that follow within the
 * window as one at its end; so the sum of all counts is what happened. Memory is bounded whatever comes.
 */
export class FactWindows {
  readonly #tell: Tell;
  readonly #now: () => number;
  /** In the order in which they began. */
  readonly #windows = new Map<string, Window>();
  #unknown = 0;

  constructor(options: FactWindowsOptions) {
    this.#tell = options.tell;
    this.#now = options.now ?? Date.now;
  }

  take(fact: NetworkFact, who: Who): void {
    const window = this.#windowOf(who);
    const key = keyOf(fact);
    const known = window.distinct.get(key);
    if (known) known.count += fact.count;
    else if (window.distinct.size < MOST_DISTINCT) {
      window.distinct.set(key, { fact, count: 0 });
      this.#tell(fact, window.who);
    } else {
      const count = (window.others.get(fact.rule)?.count ?? 0) + fact.count;
      window.others.set(fact.rule, { fact, count });
    }
  }

  /** Tells what the windows counted that are over; to be called a few times a second. */
  tick(): void {
    const now = this.#now();
    for (const [key, window] of this.#windows) {
      // A clock that was set back must not keep a window open for ever.
      if (now - window.began < WINDOW && now >= window.began) break;
      this.#windows.delete(key);
      if (window.who.sandbox === undefined) this.#unknown--;
      this.#close(window);
    }
  }

  /** Tells everything that was counted. */
  flush(): void {
    const windows = [...this.#windows.values()];
    this.#windows.clear();
    this.#unknown = 0;
    for (const window of windows) this.#close(window);
  }

  #windowOf(who: Who): Window {
    const key = who.sandbox ?? `? ${who.mac ?? ""}`;
    const open = this.#windows.get(key);
    if (open) return open;
    const full =
      who.sandbox === undefined
        ? this.#unknown >= MOST_UNKNOWN
        : this.#windows.size - this.#unknown >= MOST_SANDBOXES;
    if (full && key !== NOBODY_KEY) return this.#windowOf(NOBODY);
    const window: Window = { who, began: this.#now(), distinct: new Map(), others: new Map() };
    this.#windows.set(key, window);
    if (who.sandbox === undefined) this.#unknown++;
    return window;
  }

  #close({ who, distinct, others }: Window): void {
    for (const { fact, count } of distinct.values()) if (count > 0) this.#tell({ ...fact, count }, who);
    for (const { fact, count } of others.values()) this.#tell(summaryOf(fact, count), who);
  }
}

const NOBODY: Who = { sandbox: undefined, mac: undefined };
const NOBODY_KEY = "? ";

/** Ports of the sandbox's own differ from try to try and do not make another fact. */
function keyOf({ rule, protocol, number, to, name, data, size }: NetworkFact): string {
  return [rule, protocol, number, to.address, to.port, size, name, data].join(" ");
}

function summaryOf({ kind, rule, protocol, number, from, to }: NetworkFact, count: number): NetworkFact {
  return { kind, rule, protocol, ...(number === undefined ? {} : { number }), from, to, count };
}

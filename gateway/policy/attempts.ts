import { LRUCache } from "lru-cache";
import { KnownPasswords } from "./known-passwords.ts";

/**
 * How many attempts each source made, for `afterAttempts`. Forgotten when `memory` has passed since the last one, or when so many other
 * sources came in between that there is no room: then a source counts from one again, which never lets anybody in early.
 */
export class AttemptMemory {
  readonly #counts: LRUCache<string, number>;
  /** What each was told of its passwords, for `auth.refuse`. */
  readonly passwords: KnownPasswords;

  /** `memory` in milliseconds (the policy's `auth.memory`), on the clock `now`. 100,000 sources take 23 MB (measured). */
  constructor(memory: number, { mostSources = 100_000, now = () => performance.now() } = {}) {
    this.#counts = new LRUCache({ max: mostSources, ttl: memory, ttlResolution: 0, perf: { now } });
    this.passwords = new KnownPasswords(memory, { most: mostSources, now });
  }

  /** Attempts so far, without the one to come. */
  earlier(source: string): number {
    return this.#counts.get(source) ?? 0;
  }

  /** Counts one attempt; returns how many came before it. */
  count(source: string): number {
    const earlier = this.earlier(source);
    this.#counts.set(source, earlier + 1);
    return earlier;
  }
}

import { LRUCache } from "lru-cache";
import { fingerprint } from "./source.ts";
import type { SourceCredential } from "./source.ts";

/** What a source was told of a password for that user before: it was right, another one was, or it was refused. */
export const KNOWN_AS = ["right", "other", "refused"] as const;
export type KnownAs = (typeof KNOWN_AS)[number];

/**
 * Which passwords were right and wrong, for `auth.refuse`: hashes alone. Forgotten when `memory` has passed since the password was last tried, or
 * when so many others came in between that there is no room: then a source may be told another truth, and nobody gets further in by it.
 */
export class KnownPasswords {
  readonly #right: LRUCache<string, string>;
  readonly #refused: LRUCache<string, true>;

  /** `memory` in milliseconds, on the clock `now`. 100,000 of each take 37 MB (measured). */
  constructor(memory: number, { most = 100_000, now = () => performance.now() } = {}) {
    const bounds = { max: most, ttl: memory, ttlResolution: 0, perf: { now } };
    this.#right = new LRUCache(bounds);
    this.#refused = new LRUCache(bounds);
  }

  /** `source` as for attempts: who tries, whatever is tried. */
  knownAs(source: string, credential: SourceCredential): KnownAs | undefined {
    const right = this.#right.get(userOf(source, credential));
    if (right !== undefined && right === fingerprint(credential)) return "right";
    if (right !== undefined) return "other";
    return this.#refused.has(passwordOf(source, credential)) ? "refused" : undefined;
  }

  letIn(source: string, credential: SourceCredential): void {
    this.#right.set(userOf(source, credential), fingerprint(credential));
    this.#refused.delete(passwordOf(source, credential));
  }

  refuse(source: string, credential: SourceCredential): void {
    this.#refused.set(passwordOf(source, credential), true);
  }
}

function userOf(source: string, { user }: SourceCredential): string {
  return `${source} ${user}`;
}

function passwordOf(source: string, credential: SourceCredential): string {
  return `${source} ${fingerprint(credential)}`;
}

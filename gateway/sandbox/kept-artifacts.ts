import type { Change } from "../model/capture.ts";
import type { Policy } from "../model/policy.ts";

/**
 * What was kept of one sandbox, over all its captures: who leaves and comes back with other files each time must not fill the
 * machine's disk with them.
 */
export class KeptArtifacts {
  readonly #hashes = new Set<string>();
  #bytes = 0;

  /** Why a file of that size is not kept any more; undefined: it may be. */
  overBounds(bounds: Policy["evidence"], size: number): Change["leftOut"] | undefined {
    if (size > bounds.largestFile) return "too-large";
    if (size > 0 && this.#hashes.size >= bounds.mostFiles) return "count-reached";
    return this.#bytes + size > bounds.mostBytes ? "total-reached" : undefined;
  }

  /** A thousand empty or equal files must not crowd out the one that counts. */
  add(sha256: string, size: number): void {
    if (size === 0 || this.#hashes.has(sha256)) return;
    this.#hashes.add(sha256);
    this.#bytes += size;
  }
}

import type { ByteString } from "../../model/bytes.ts";
import type { Policy } from "../../model/policy.ts";

/** A sandbox as it would have been. Times are microseconds since 1970. */
export interface TriedSandbox {
  readonly key: string;
  readonly from: number;
  readonly lifeEnds: number;
  /** Passwords by name, as the policy has let them in. */
  readonly accounts: Map<ByteString, ByteString>;
  sessions: number;
  idleSince: number;
  /** When it was removed. */
  closed: number | undefined;
}

export interface Peak {
  readonly count: number;
  /** When it was reached first; absent where there was none. */
  readonly at?: number;
}

/** The sandboxes that a policy would have given away, with no container made. */
export class TriedSandboxes {
  readonly #policy: Policy["sandbox"];
  readonly #living = new Map<string, TriedSandbox>();
  readonly #closed: TriedSandbox[] = [];

  constructor(policy: Policy["sandbox"]) {
    this.#policy = policy;
  }

  living(key: string, at: number): TriedSandbox | undefined {
    const sandbox = this.#living.get(key);
    if (sandbox === undefined) return undefined;
    const end = this.#endOf(sandbox);
    if (end > at) return sandbox;
    this.#close(sandbox, end);
    return undefined;
  }

  /** The source's own, or a new one; undefined where all are in use. */
  take(key: string, at: number): TriedSandbox | undefined {
    const own = this.living(key, at);
    if (own !== undefined) return own;
    if (this.#living.size >= this.#policy.most && !this.#makeRoom(at)) return undefined;
    const sandbox: TriedSandbox = {
      ...{ key, from: at, lifeEnds: at + this.#policy.life * 1000, accounts: new Map() },
      ...{ sessions: 0, idleSince: at, closed: undefined },
    };
    this.#living.set(key, sandbox);
    return sandbox;
  }

  /** A session left it. */
  leave(sandbox: TriedSandbox, at: number): void {
    sandbox.sessions--;
    if (sandbox.closed !== undefined) return;
    sandbox.idleSince = at;
    if (at >= sandbox.lifeEnds) this.#close(sandbox, sandbox.lifeEnds);
    else if (this.#policy.mode === "fresh" && sandbox.sessions === 0) this.#close(sandbox, at);
  }

  /** How many were made, and how many there were at most at once. For the end: what lives then goes when its time comes. */
  finish(): { readonly made: number; readonly peak: Peak } {
    for (const sandbox of this.#living.values()) this.#close(sandbox, this.#endOf(sandbox));
    const steps = this.#closed
      .flatMap(({ from, closed = from }) => [
        { at: from, change: 1 },
        { at: closed, change: -1 },
      ])
      .sort((one, other) => one.at - other.at || one.change - other.change);
    let [now, count, at] = [0, 0, 0];
    for (const step of steps) {
      now += step.change;
      if (now > count) [count, at] = [now, step.at];
    }
    return { made: this.#closed.length, peak: count === 0 ? { count } : { count, at } };
  }

  #endOf({ sessions, idleSince, lifeEnds }: TriedSandbox): number {
    return sessions > 0 ? lifeEnds : Math.min(lifeEnds, idleSince + this.#policy.idle * 1000);
  }

  /** As the pool does it: what nobody is in goes, the longest left first. */
  #makeRoom(at: number): boolean {
    let longest: TriedSandbox | undefined;
    for (const sandbox of [...this.#living.values()]) {
      const end = this.#endOf(sandbox);
      if (end <= at) this.#close(sandbox, end);
      else if (sandbox.sessions === 0 && sandbox.idleSince < (longest?.idleSince ?? Infinity))
        longest = sandbox;
    }
    if (this.#living.size < this.#policy.most) return true;
    if (longest === undefined) return false;
    this.#close(longest, at);
    return true;
  }

  #close(sandbox: TriedSandbox, at: number): void {
    sandbox.closed = at;
    this.#living.delete(sandbox.key);
    this.#closed.push(sandbox);
  }
}

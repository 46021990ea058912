import type { ByteString } from "../../model/bytes.ts";
import type { Policy } from "../../model/policy.ts";
import { TriedFlow } from "./flow.ts";
import type { waysUnder } from "./outside.ts";

/** A sandbox as it would have been. Times are microseconds since 1970. */
export interface TriedSandbox {
  readonly key: string;
  readonly from: number;
  readonly lifeEnds: number;
  /** Of the policy that it was given away under. */
  readonly values: Policy["sandbox"];
  readonly flow: TriedFlow;
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

/** What there was of sandboxes in all. */
export interface SandboxSum {
  readonly made: number;
  readonly peak: Peak;
  /** Bytes that those at once may have taken, at most. */
  readonly memory: number;
  readonly disk: number;
}

/** The sandboxes that a policy would have given away, with no container made. */
export class TriedSandboxes {
  readonly #most: number;
  readonly #waysOf: (network: Policy["network"]) => ReturnType<typeof waysUnder>;
  readonly #living = new Map<string, TriedSandbox>();
  readonly #closed: TriedSandbox[] = [];

  /** @param most at once. */
  constructor(most: number, waysOf: (network: Policy["network"]) => ReturnType<typeof waysUnder>) {
    this.#most = most;
    this.#waysOf = waysOf;
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
  take(key: string, at: number, { sandbox: values, network }: Policy): TriedSandbox | undefined {
    const own = this.living(key, at);
    if (own !== undefined) return own;
    if (this.#living.size >= this.#most && !this.#makeRoom(at)) return undefined;
    const sandbox: TriedSandbox = {
      ...{ key, from: at, lifeEnds: at + values.life * 1000, values, accounts: new Map() },
      ...{ flow: new TriedFlow(network, this.#waysOf(network), at) },
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
    else if (sandbox.values.mode === "fresh" && sandbox.sessions === 0) this.#close(sandbox, at);
  }

  /** Whether what was left in it still runs. */
  isLiving(sandbox: TriedSandbox, at: number): boolean {
    return at < (sandbox.closed ?? this.#endOf(sandbox));
  }

  /** For the end: what lives then goes when its time comes. */
  finish(): SandboxSum {
    for (const sandbox of this.#living.values()) this.#close(sandbox, this.#endOf(sandbox));
    const steps = this.#closed
      .flatMap(({ from, closed = from, values }) => [
        { at: from, change: 1, values },
        { at: closed, change: -1, values },
      ])
      .sort((one, other) => one.at - other.at || one.change - other.change);
    const now = { count: 0, memory: 0, disk: 0 };
    const most = { ...now, at: 0 };
    for (const { at, change, values } of steps) {
      now.count += change;
      now.memory += change * (values.memory + values.swap);
      now.disk += change * values.disk;
      if (now.count > most.count) [most.count, most.at] = [now.count, at];
      most.memory = Math.max(most.memory, now.memory);
      most.disk = Math.max(most.disk, now.disk);
    }
    const { count, at, memory, disk } = most;
    return { made: this.#closed.length, peak: count === 0 ? { count } : { count, at }, memory, disk };
  }

  #endOf({ sessions, idleSince, lifeEnds, values }: TriedSandbox): number {
    return sessions > 0 ? lifeEnds : Math.min(lifeEnds, idleSince + values.idle * 1000);
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
    if (this.#living.size < this.#most) return true;
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

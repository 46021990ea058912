import type { Policy } from "../../model/policy.ts";
import type { Limit } from "./limits.ts";
import { waysUnder } from "./outside.ts";
import type { Way } from "./outside.ts";
import type { RecordedConnect, RecordedTraffic } from "./recorded.ts";

type Network = Policy["network"];
type Rate = Network["rates"]["tcp"];

/** Of an IP packet without content, at the least. */
const SMALLEST_PACKET = 28;
/** How long a connection is taken to stay open, in microseconds: nobody knows what would have come back. */
const STAYS_OPEN = 1_000_000;
const HOUR = 3_600_000_000;
const PERIODS = { second: 1_000_000, minute: 60_000_000, hour: HOUR, day: 24 * HOUR };

export interface Judged {
  /** `deny` also where a limit stopped it. */
  readonly way: Way;
  /** What it met. */
  readonly limit?: Limit;
}

/** Ways that were open then. */
const WAY_THEN: Partial<Record<RecordedConnect["rule"], Way>> = {
  limited: "limited",
  dns: "name",
  sinkhole: "sinkhole",
};

/** What one sandbox would have been let send. Times are microseconds since 1970. */
export class TriedFlow {
  readonly #network: Network;
  readonly #wayOf: ReturnType<typeof waysUnder>;
  readonly #from: number;
  readonly #buckets = new Map<Limit, { left: number; at: number }>();
  #open: number[] = [];
  #up = 0;
  #down = 0;
  #hour = 0;
  /** Since bytes were known last: those taken for sent, and whether all that was let out then goes the same way. */
  #since = { guessed: 0, isSame: true };

  constructor(network: Network, wayOf: ReturnType<typeof waysUnder>, from: number) {
    this.#network = network;
    this.#wayOf = wayOf;
    this.#from = from;
  }

  /** As the rules ask: where it leads, how often, how many at once; then the bytes are counted. */
  judge(connect: RecordedConnect): Judged {
    const judged = this.#judge(connect);
    const then = WAY_THEN[connect.rule];
    if (then !== undefined && then !== judged.way) this.#since.isSame = false;
    return judged;
  }

  /**
   * Bytes that were counted in that time; those of its connects are among them. Undefined where they say nothing: what was let out
   * then would not have gone the same way.
   */
  passed({ up, down }: RecordedTraffic, from: number, to: number): { readonly limit?: Limit } | undefined {
    const { guessed, isSame } = this.#since;
    this.#since = { guessed: 0, isSame: true };
    if (!isSame) return undefined;
    const hours = this.#hourOf(to) - Math.max(0, this.#hourOf(from)) + 1;
    // In which of several hours it was is not known: in one of them it was this much, at least.
    if (hours > 1) return over(this.#network.caps, up / hours, down / hours);
    this.#turnTo(to);
    this.#up += Math.max(0, up - guessed);
    this.#down += down;
    return over(this.#network.caps, this.#up, this.#down);
  }

  #judge(connect: RecordedConnect): Judged {
    const { at, protocol, tries, sent } = connect;
    const { rates, connections, caps, dns } = this.#network;
    const way = this.#wayOf(connect);
    if (way === "deny") return { way };
    if (way === "name" && this.#isOver("network.dns.rate", dns.rate, tries, at))
      return { way: "deny", limit: "network.dns.rate" };
    if (way === "limited") {
      const limit = `network.rates.${protocol}` as const;
      if (this.#isOver(limit, rates[protocol], tries, at)) return { way: "deny", limit };
      this.#open = this.#open.filter((begun) => at - begun < STAYS_OPEN);
      if (this.#open.length >= connections) return { way: "deny", limit: "network.connections" };
      this.#open.push(at);
    }
    this.#turnTo(at);
    const bytes = tries * SMALLEST_PACKET + sent;
    this.#up += bytes;
    this.#since.guessed += bytes;
    const { limit } = over(caps, this.#up, this.#down);
    return limit === undefined ? { way } : { way: "deny", limit };
  }

  #hourOf(at: number): number {
    return this.#network.caps.per === "hour" ? Math.floor((at - this.#from) / HOUR) : 0;
  }

  #turnTo(at: number): void {
    const hour = this.#hourOf(at);
    if (hour !== this.#hour) [this.#hour, this.#up, this.#down] = [hour, 0, 0];
  }

  /** A bucket that fills at the rate and holds what the rate gives in its time. Some of what is counted together may have passed. */
  #isOver(limit: Limit, { count, per }: Rate, tries: number, at: number): boolean {
    const bucket = this.#buckets.get(limit) ?? { left: count, at };
    bucket.left = Math.min(count, bucket.left + ((at - bucket.at) * count) / PERIODS[per]);
    bucket.at = at;
    this.#buckets.set(limit, bucket);
    const isOver = bucket.left < tries;
    bucket.left = Math.max(0, bucket.left - tries);
    return isOver;
  }
}

function over(caps: Network["caps"], up: number, down: number): { readonly limit?: Limit } {
  if (up > caps.up) return { limit: "network.caps.up" };
  return down > caps.down ? { limit: "network.caps.down" } : {};
}

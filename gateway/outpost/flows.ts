import type { Endpoint } from "../model/endpoint.ts";

/** What netfilter logged when it led a connection or a datagram of a sandbox to us instead of where it was for. */
export interface LedAway {
  readonly rule: "sinkhole" | "dns";
  readonly sandbox: string;
  readonly protocol: "tcp" | "udp";
  /** The sandbox's port. */
  readonly from: number;
  readonly to: Endpoint;
  readonly mac: string | undefined;
}

/** How long a listener waits for the log, in milliseconds: they race, and the log usually comes first. */
export const LOG_WAIT = 300;
/** A connection that no listener of ours knows after this long never came about: a scan, or a listener that is full. */
const CLAIM_WAIT = 2000;
/** Longer than a connection lives here; its later packets may be logged as well. */
const KEPT = 150_000;
const MOST_SANDBOXES = 1024;
const MOST_PER_SANDBOX = 256;

interface Flow {
  ledAway: LedAway | undefined;
  claimed: boolean;
  lastUse: number;
  /** When the log came; it is told at CLAIM_WAIT after it unless claimed. */
  loggedAt: number;
  waiting: ((ledAway: LedAway | undefined) => void)[];
}

/**
 * Which connection was for whom. Address translation hides it from the listeners, the log shows it. Bounded: at most
 * so many flows of a sandbox, the oldest forgotten first.
 */
export class Flows {
  readonly #never: (ledAway: LedAway) => void;
  readonly #now: () => number;
  readonly #sandboxes = new Map<string, Map<string, Flow>>();
  /** Logged, not claimed, in the order of the log. */
  readonly #unclaimed = new Set<Flow>();

  /** @param never told of a flow that was logged and that no listener ever saw */
  constructor(never: (ledAway: LedAway) => void, now: () => number = Date.now) {
    this.#never = never;
    this.#now = now;
  }

  /** From the log. */
  logged(ledAway: LedAway): void {
    const flow = this.#flow(ledAway.sandbox, ledAway.protocol, ledAway.from);
    const again = flow.ledAway?.to.address === ledAway.to.address && flow.ledAway.to.port === ledAway.to.port;
    if (flow.ledAway && !again) {
      // The port is used anew, for another destination.
      this.#settle(flow);
      flow.claimed = false;
    }
    const isNews = flow.ledAway === undefined || !again;
    flow.ledAway = ledAway;
    const waiting = flow.waiting;
    flow.waiting = [];
    for (const resolve of waiting) resolve(ledAway);
    if (isNews && !flow.claimed) {
      flow.loggedAt = this.#now();
      this.#unclaimed.add(flow);
    }
  }

  /** Where a flow that we know was for. */
  find(sandbox: string, protocol: "tcp" | "udp", from: number): LedAway | undefined {
    return this.#sandboxes.get(sandbox)?.get(`${protocol} ${from}`)?.ledAway;
  }

  /** By the listener that has it now and will tell of it: resolves with what the log said, or without after LOG_WAIT. */
  claim(sandbox: string, protocol: "tcp" | "udp", from: number): Promise<LedAway | undefined> {
    const flow = this.#flow(sandbox, protocol, from);
    flow.claimed = true;
    this.#unclaimed.delete(flow);
    if (flow.ledAway) return Promise.resolve(flow.ledAway);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        flow.waiting = flow.waiting.filter((each) => each !== settle);
        resolve(undefined);
      }, LOG_WAIT);
      const settle = (ledAway: LedAway | undefined) => {
        clearTimeout(timer);
        resolve(ledAway);
      };
      flow.waiting.push(settle);
    });
  }

  /** The connection is over: the next one from this port is another. */
  release(sandbox: string, protocol: "tcp" | "udp", from: number): void {
    const flows = this.#sandboxes.get(sandbox);
    const flow = flows?.get(`${protocol} ${from}`);
    if (flows && flow?.claimed === true) this.#forget(flows, `${protocol} ${from}`, flow);
  }

  /** To be called a few times a second. */
  tick(): void {
    const now = this.#now();
    for (const flow of this.#unclaimed) {
      if (now - flow.loggedAt < CLAIM_WAIT && now >= flow.loggedAt) break;
      this.#settle(flow);
    }
    for (const [sandbox, flows] of this.#sandboxes) {
      for (const [key, flow] of flows) {
        if (now - flow.lastUse < KEPT) break;
        this.#forget(flows, key, flow);
      }
      if (flows.size === 0) this.#sandboxes.delete(sandbox);
    }
  }

  #flow(sandbox: string, protocol: "tcp" | "udp", from: number): Flow {
    const flows = this.#flowsOf(sandbox);
    const key = `${protocol} ${from}`;
    const flow = flows.get(key) ?? {
      ledAway: undefined,
      claimed: false,
      lastUse: 0,
      loggedAt: 0,
      waiting: [],
    };
    // Put last: the first one is the one unused for longest.
    flows.delete(key);
    flow.lastUse = this.#now();
    const [oldest] = flows;
    if (flows.size >= MOST_PER_SANDBOX && oldest) this.#forget(flows, ...oldest);
    flows.set(key, flow);
    return flow;
  }

  #flowsOf(sandbox: string): Map<string, Flow> {
    const known = this.#sandboxes.get(sandbox);
    if (known) return known;
    const [oldest] = this.#sandboxes;
    if (this.#sandboxes.size >= MOST_SANDBOXES && oldest) {
      for (const [key, flow] of oldest[1]) this.#forget(oldest[1], key, flow);
      this.#sandboxes.delete(oldest[0]);
    }
    const flows = new Map<string, Flow>();
    this.#sandboxes.set(sandbox, flows);
    return flows;
  }

  #forget(flows: Map<string, Flow>, key: string, flow: Flow): void {
    flows.delete(key);
    this.#settle(flow);
    for (const resolve of flow.waiting) resolve(undefined);
    flow.waiting = [];
  }

  #settle(flow: Flow): void {
    if (this.#unclaimed.delete(flow) && flow.ledAway) this.#never(flow.ledAway);
  }
}

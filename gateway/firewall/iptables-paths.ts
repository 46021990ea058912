import { MitsubakoError } from "../model/errors.ts";
import { restore } from "./iptables.ts";
import { leadsToShown, shownChain } from "./iptables-text.ts";
import type { ShownPaths } from "./netfilter.ts";
import type { FencePlan } from "./plan.ts";
import { PATH_LIFE } from "./rule-figures.ts";

interface Entry {
  readonly rule: string;
  readonly until: number;
}

/**
 * iptables has no maps: each path that still waits for its SYN is a rule of its own, and the chain is written anew as a whole, so that it
 * never matters what of it was lost. What is asked for while one transaction is on its way goes with the next.
 */
export class IptablesPaths implements ShownPaths {
  readonly #chain: string;
  readonly #leads: readonly string[];
  /** By local port. */
  readonly #entries = new Map<number, Entry>();
  readonly #life: number;
  #working: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Until the last of the rules is taken away again: one that stayed would be the next one's who is given that port by the kernel. */
  #sweep: NodeJS.Timeout | undefined;

  /** @param life of an entry, in milliseconds. */
  constructor(plan: FencePlan, life = PATH_LIFE * 1000) {
    this.#chain = shownChain(plan.table);
    this.#leads = leadsToShown(plan);
    this.#life = life;
  }

  async add({
    localPort,
    address,
    port,
  }: {
    localPort: number;
    address: string;
    port: number;
  }): Promise<void> {
    this.#forgetOld();
    if (this.#entries.has(localPort))
      throw new MitsubakoError("firewall-failed", `The local port ${localPort} is another path's.`);
    this.#entries.set(localPort, {
      rule: `-A ${this.#chain} -p tcp -m tcp --sport ${localPort} -j SNAT --to-source ${address}:${port}`,
      until: performance.now() + this.#life,
    });
    this.#sweepLater();
    try {
      await this.#written();
    } catch (error) {
      this.#entries.delete(localPort);
      throw error;
    }
  }

  clear(): Promise<void> {
    this.#entries.clear();
    return this.#written();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#sweep);
    await this.#next?.catch(() => undefined);
    await this.#working?.catch(() => undefined);
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [key, { until }] of this.#entries) if (until <= now) this.#entries.delete(key);
  }

  #sweepLater(): void {
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => {
      this.#forgetOld();
      // Where it fails the rules are gone, or the next path's write takes them away.
      this.#written().catch(() => undefined);
    }, this.#life + 1).unref();
  }

  /** A write that begins after this was called. */
  #written(): Promise<void> {
    this.#next ??= (this.#working ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#working = this.#write();
        return this.#working;
      });
    return this.#next;
  }

  #write(): Promise<void> {
    const rules = [...this.#entries.values()].map(({ rule }) => `${rule}\n`);
    // Where the chain is gone, or what leads to it, one of these fails and with it all: better none than one who sees the gateway.
    const leads = this.#leads.map((lead) => `-D ${lead}\n-I ${lead.replace(" ", " 1 ")}\n`);
    return restore("four", `*nat\n-F ${this.#chain}\n${rules.join("")}${leads.join("")}COMMIT\n`);
  }
}

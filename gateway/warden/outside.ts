import { join } from "node:path";
import type { Logger } from "pino";
import type { Fence } from "../firewall/fence.ts";
import { cableFaults, layCable, liftCable } from "../firewall/outpost-cable.ts";
import type { OutpostConfiguration } from "../model/outpost-messages.ts";
import type { Policy } from "../model/policy.ts";
import { spawnConfined } from "./confine.ts";
import { spawnNetworkLog } from "./network-log.ts";
import { Outpost, type OutpostFact } from "./outpost.ts";

const CODE_ROOT = join(import.meta.dirname, "..", "..");

export interface OutsideOptions {
  readonly slot: number;
  readonly fence: Fence;
  readonly network: () => Policy["network"];
  readonly tls: OutpostConfiguration["tls"];
  readonly onFact: (fact: OutpostFact) => void;
  readonly log: Logger;
}

/** What sandboxes meet when they turn outward: the outpost, and its cable while the policy opens anything. */
export class Outside implements AsyncDisposable {
  readonly #options: OutsideOptions;
  readonly #outpost: Outpost;

  private constructor(options: OutsideOptions) {
    const { slot, fence, log, onFact } = options;
    this.#options = options;
    this.#outpost = new Outpost({
      spawn: () =>
        spawnConfined({
          role: "outpost",
          slot,
          entry: "gateway/outpost/main.ts",
          codeRoot: CODE_ROOT,
          folders: [],
          nodeFlags: ["--max-old-space-size=256"],
        }),
      spawnLog: () => spawnNetworkLog(slot),
      configuration: this.#configuration(),
      started: (pid) => (fence.egress.isOpen ? layCable(fence.plan.outpost, pid) : Promise.resolve()),
      log,
    });
    this.#outpost.onFact(onFact);
  }

  static async start(options: OutsideOptions): Promise<Outside> {
    const outside = new Outside(options);
    await outside.#outpost.start();
    return outside;
  }

  get pid(): number | undefined {
    return this.#outpost.pid;
  }

  /** After the fence has another way out. */
  async changed(): Promise<void> {
    const { fence } = this.#options;
    if (fence.egress.isOpen) await this.repair();
    this.#outpost.configure(this.#configuration());
    if (!fence.egress.isOpen) await liftCable(fence.plan.outpost);
  }

  async faults(): Promise<string[]> {
    const { fence } = this.#options;
    // One that is just being started again gets its cable by itself.
    return fence.egress.isOpen && this.#outpost.pid !== undefined ? cableFaults(fence.plan.outpost) : [];
  }

  async repair(): Promise<void> {
    const { pid } = this.#outpost;
    if (pid !== undefined && this.#options.fence.egress.isOpen)
      await layCable(this.#options.fence.plan.outpost, pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outpost[Symbol.asyncDispose]();
    await liftCable(this.#options.fence.plan.outpost);
  }

  #configuration(): OutpostConfiguration {
    const { fence, tls } = this.#options;
    const { largestName, largestAnswer } = this.#options.network().dns;
    const { isOpen, classes, resolvers } = fence.egress;
    const names = new Set(classes.flatMap((each) => (each.names === "none" ? [] : [each.names])));
    return {
      address: isOpen ? fence.plan.outpost.address : undefined,
      subnet: fence.plan.subnet.cidr,
      names: [...names].sort(),
      resolvers,
      largestName,
      largestAnswer,
      tls,
    };
  }
}

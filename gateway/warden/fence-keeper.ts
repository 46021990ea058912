import { escapeText } from "../model/bytes.ts";
import type { Policy } from "../model/policy.ts";
import { networksOf, resolvedProfiles } from "../policy/resolve.ts";
import { writeMetrics } from "./metrics.ts";
import { Outside, type OutsideOptions } from "./outside.ts";

export interface FenceKeeperOptions extends Omit<OutsideOptions, "network"> {
  readonly policy: () => Policy;
  /** The data folder, for the metrics. */
  readonly data: string;
  /** What others have counted, in Prometheus' text format. */
  readonly metrics: () => string;
}

export type OutsideOfFence = Pick<
  Outside,
  "pid" | "changed" | "faults" | "repair" | typeof Symbol.asyncDispose
>;

/** How often the kernel's state is compared with what should be, in milliseconds. */
const LOOK = 15_000;
/** On the monotonic clock: a step of the wall clock gives nobody a new hour. */
const HOUR = 3_600_000;

/** Keeps the fence as the policy wants it, and as it was: looks, repairs, tells; gives caps anew; leads a new policy in. */
export class FenceKeeper implements AsyncDisposable {
  readonly #options: FenceKeeperOptions;
  readonly #outside: OutsideOfFence;
  readonly #timers: readonly NodeJS.Timeout[];
  /** One thing at a time: a look in the middle of a change would see faults. */
  #last: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Of the policy's way out the outside was not told yet. */
  #isOutsideDue = false;
  #shut: FenceKeeper["shut"];

  private constructor(options: FenceKeeperOptions, outside: OutsideOfFence) {
    this.#options = options;
    this.#outside = outside;
    this.#timers = [
      setInterval(() => void this.#inTurn(() => this.#look()), LOOK),
      setInterval(() => void this.#inTurn(() => this.#renewCaps()), HOUR),
    ];
    this.#sayOpenings();
  }

  static async start(
    options: FenceKeeperOptions,
    startOutside: (options: OutsideOptions) => Promise<OutsideOfFence> = (each) => Outside.start(each),
  ): Promise<FenceKeeper> {
    const network = () => options.policy().network;
    return new FenceKeeper(options, await startOutside({ ...options, network }));
  }

  get outpostPid(): number | undefined {
    return this.#outside.pid;
  }

  /** Since when, and why, the policy's way out is not in force: nothing is let out then. */
  get shut(): { readonly at: string; readonly message: string } | undefined {
    return this.#shut;
  }

  /** The way out of living sandboxes follows the new policy at once; where that fails, the next look tries again. */
  policyChanged(): void {
    void this.#inTurn(async () => {
      const { network, profiles } = networksOf(this.#options.policy());
      this.#isOutsideDue = true;
      try {
        await this.#options.fence.change(network, profiles);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#shut = { at: new Date().toISOString(), message };
        this.#options.log.error(
          { err: error },
          "the way out that the new policy asks for could not be put in force: nothing is let out until it can be",
        );
        return;
      }
      this.#isOpenAgain();
      await this.#tellOutside();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#last;
    await this.#outside[Symbol.asyncDispose]();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#stopped) return;
      try {
        await work();
      } catch (error) {
        this.#options.log.error({ err: error }, "the fence could not be looked at, changed or put right");
      }
    });
    return this.#last;
  }

  async #look(): Promise<void> {
    const { fence, data, slot, metrics, log } = this.#options;
    const faults = [...(await fence.check()), ...(await this.#outside.faults())];
    if (faults.length > 0) {
      log.error({ faults }, "the fence was not as it should be; it is put right");
      await fence.repair();
      await this.#outside.repair();
    }
    this.#isOpenAgain();
    if (this.#isOutsideDue) await this.#tellOutside();
    writeMetrics(data, slot, await fence.caps(), metrics());
  }

  #isOpenAgain(): void {
    if (this.#shut !== undefined) this.#options.log.info("the way out that the policy asks for is in force");
    this.#shut = undefined;
  }

  /** Once the fence has that way out. */
  async #tellOutside(): Promise<void> {
    await this.#outside.changed();
    this.#isOutsideDue = false;
    this.#sayOpenings();
  }

  /** Where this does not happen (we are dead, or nft refuses), caps stay as they are: used up stays used up. */
  async #renewCaps(): Promise<void> {
    await this.#options.fence.renewCaps();
  }

  #sayOpenings(): void {
    const policy = this.#options.policy();
    for (const { policy: each, profile } of [{ policy, profile: undefined }, ...resolvedProfiles(policy)]) {
      const { openFences, egress, ports }: Policy["network"] = each.network;
      const where = profile === undefined ? "" : `in profile ${escapeText(profile)}: `;
      if (openFences.length > 0 && (profile === undefined || openFences !== policy.network.openFences))
        this.#options.log.warn(
          `${where}network.openFences: sandboxes may reach ${openFences.join(", ")} of your own networks. Remove the key if you do not mean that.`,
        );
      const isOwn = egress !== policy.network.egress || ports !== policy.network.ports;
      if (
        (profile === undefined || isOwn) &&
        (egress === "limited" || ports.some((rule) => rule.egress === "limited"))
      )
        this.#options.log.warn(
          `${where}network.egress: sandboxes may connect to the outside, within the policy's caps and rates`,
        );
    }
  }
}

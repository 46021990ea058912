import { existsSync } from "node:fs";
import type { Policy } from "../model/policy.ts";
import { command } from "./command.ts";
import type { Ledger } from "./netfilter.ts";
import type { FencePlan } from "./plan.ts";
import type { SandboxPort } from "./port.ts";
import { armPort, disarmPort, shaperFaults } from "./shaper.ts";
import type { PortPlan } from "./shaping.ts";

/** A sandbox that runs, and its port on our bridge. */
export interface Resident extends SandboxPort {
  readonly address: string;
}

/**
 * The sandboxes that have rules of their own: which may pass, and what each has left of its caps. The kernel counts; here is only
 * known who there should be. One change at a time.
 */
export class Residents {
  readonly #plan: FencePlan;
  readonly #ledger: Ledger;
  readonly #policy: () => Policy["network"];
  /** By address; those that may pass, with their ports. */
  readonly #residents = new Map<string, Resident | undefined>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(plan: FencePlan, ledger: Ledger, policy: () => Policy["network"]) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#policy = policy;
  }

  admit(address: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#ledger.admit(address, this.#policy().caps);
      this.#residents.set(address, undefined);
    });
  }

  letOut(resident: Resident): Promise<void> {
    return this.#inTurn(async () => {
      const { address } = resident;
      if (!this.#residents.has(address)) throw new Error(`${address} has no caps`);
      await armPort(this.#plan, this.#port(resident));
      await this.#ledger.letOut(address);
      this.#residents.set(address, resident);
    });
  }

  dismiss(address: string): Promise<void> {
    return this.#inTurn(async () => {
      const resident = this.#residents.get(address);
      this.#residents.delete(address);
      await this.#ledger.dismiss(address);
      if (resident) await disarmPort(this.#plan, this.#port(resident));
      // Exit code 1: there was none.
      for (const end of ["-s", "-d"]) await command("conntrack", ["-D", end, address], { accept: [0, 1] });
    });
  }

  /** After a change of the policy: what was used counts against the new caps, and rates begin anew. */
  recount(): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#ledger.read();
      const used = (address: string, direction: "up" | "down") =>
        found?.caps.find((cap) => cap.address === address && cap.direction === direction)?.used;
      await this.#ledger.recount(
        [...this.#residents].map(([address, resident]) => ({
          address,
          isLive: resident !== undefined,
          used: { up: used(address, "up"), down: used(address, "down") },
        })),
        this.#policy().caps,
      );
      // A container that ended took its port along.
      for (const port of this.#ports())
        if (existsSync(`/sys/class/net/${port.port}`)) await armPort(this.#plan, port);
    });
  }

  renew(): Promise<void> {
    return this.#inTurn(() => this.#ledger.renew(this.#residents.keys()));
  }

  async faults(): Promise<string[]> {
    // A sandbox that comes or goes meanwhile would look like a fault.
    return this.#inTurn(async () => {
      const found = await this.#ledger.read();
      // That the table is gone is said elsewhere.
      if (!found) return [];
      const counted = (["up", "down"] as const).map(
        (way) =>
          new Set(found.caps.flatMap(({ address, direction }) => (direction === way ? [address] : []))),
      );
      return [
        ...[...this.#residents.keys()]
          .filter((address) => !counted.every((addresses) => addresses.has(address)))
          .map((address) => `the caps of ${address} are gone`),
        ...[...found.live]
          .filter((address) => this.#residents.get(address) === undefined)
          .map((address) => `${address} may pass, and no sandbox has that address`),
        ...[...this.#residents]
          .filter(([address, resident]) => resident && !found.live.has(address))
          .map(([address]) => `${address} may not pass any more`),
        ...(await shaperFaults(this.#plan, this.#ports())),
      ];
    });
  }

  /**
   * After rules were lost. What was used before is not known any more where the counts are gone: the cap then counts as used up,
   * so that it is never exceeded.
   */
  async restore(): Promise<void> {
    const found = await this.#ledger.read();
    const foreign = [...(found?.live ?? [])].filter((address) => !this.#residents.has(address));
    for (const address of foreign) await this.#inTurn(() => this.#ledger.dismiss(address));
    if ((await this.faults()).length > 0) await this.recount();
  }

  #ports(): PortPlan[] {
    return [...this.#residents.values()].flatMap((resident) => (resident ? [this.#port(resident)] : []));
  }

  #port(resident: Resident): PortPlan {
    return { ...resident, bandwidth: this.#policy().bandwidth };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

import { existsSync } from "node:fs";
import type { Policy } from "../model/policy.ts";
import { command } from "./command.ts";
import { classNameOf } from "./egress.ts";
import type { Ledger, Terms } from "./netfilter.ts";
import type { FencePlan } from "./plan.ts";
import type { SandboxPort } from "./port.ts";
import { armPort, disarmPort, shaperFaults } from "./shaper.ts";
import type { PortPlan } from "./shaping.ts";

/** A sandbox that runs, and its port on our bridge. */
export interface Resident extends SandboxPort {
  readonly address: string;
}

/**
 * The sandboxes that have rules of their own: which may pass, of which class each is, and what it has left of its caps. The kernel
 * counts; here is only known who there should be. One change at a time.
 */
export class Residents {
  readonly #plan: FencePlan;
  readonly #ledger: Ledger;
  readonly #policy: () => Policy["network"];
  /** By address; those that may pass, with their ports. */
  readonly #residents = new Map<string, Resident | undefined>();
  /** By address: what holds for that one, in the place of the policy. */
  readonly #own = new Map<string, () => Policy["network"]>();
  /** By address: the class that the rules in force know it by. */
  readonly #placed = new Map<string, string | undefined>();
  /** Of the rules in force, or of those that are about to be. */
  #classes: readonly string[];
  /** The policy is another one since they were counted last. */
  #isRecountDue = false;
  #last: Promise<unknown> = Promise.resolve();
  readonly #arm: typeof armPort;

  /**
   * @param classes of the rules in force, by name.
   * @param arm what puts filter and bandwidth on a port.
   */
  constructor(
    plan: FencePlan,
    ledger: Ledger,
    policy: () => Policy["network"],
    classes: readonly string[],
    arm = armPort,
  ) {
    this.#arm = arm;
    this.#plan = plan;
    this.#ledger = ledger;
    this.#policy = policy;
    this.#classes = classes;
    ledger.settle(classes);
  }

  admit(address: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#own.delete(address);
      await this.#admit(address);
      this.#residents.set(address, undefined);
    });
  }

  letOut(resident: Resident): Promise<void> {
    return this.#inTurn(async () => {
      const { address } = resident;
      if (!this.#residents.has(address)) throw new Error(`${address} has no caps`);
      await this.#arm(this.#plan, this.#port(resident));
      await this.#ledger.letOut(address);
      this.#residents.set(address, resident);
    });
  }

  /** `network`: what holds for this one from here on, asked each time. Nothing was used of it. */
  assign(address: string, network: () => Policy["network"]): Promise<void> {
    return this.#inTurn(async () => {
      const resident = this.#residents.get(address);
      if (resident === undefined) throw new Error(`${address} is not let out yet`);
      const before = JSON.stringify([this.#terms(address), this.#port(resident)]);
      this.#own.set(address, network);
      if (JSON.stringify([this.#terms(address), this.#port(resident)]) === before) return;
      // Between the two it is in no list, and nothing of it passes.
      await this.#admit(address);
      await this.#arm(this.#plan, this.#port(resident));
      await this.#ledger.letOut(address);
    });
  }

  dismiss(address: string): Promise<void> {
    return this.#inTurn(async () => {
      const resident = this.#residents.get(address);
      this.#residents.delete(address);
      await this.#ledger.dismiss(address);
      this.#placed.delete(address);
      if (resident) await disarmPort(this.#plan, this.#port(resident));
      this.#own.delete(address);
      // Exit code 1: there was none.
      for (const end of ["-s", "-d"]) await command("conntrack", ["-D", end, address], { accept: [0, 1] });
    });
  }

  /** From here on their caps and bandwidths are not what they should be, until `recount` has succeeded. */
  policyChanged(): void {
    this.#isRecountDue = true;
  }

  /**
   * Puts other rules in force, by `apply`. At every moment each sandbox is in a class that it has or is to have, and in no other: what
   * lets it out is what one of the two says. Where `apply` fails, who had a class keeps it.
   */
  change(classes: readonly string[], apply: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#ledger.read();
      this.#classes = classes;
      const moves = [...this.#residents.keys()].map((address) => {
        const joins = this.#terms(address).class;
        const isIn = [...(found?.classes ?? [])].filter(([, addresses]) => addresses.has(address));
        const right = [joins, this.#placed.get(address)];
        return { address, joins, leaves: isIn.map(([name]) => name).filter((name) => !right.includes(name)) };
      });
      await this.#ledger.prepare(classes, moves);
      await apply();
      this.#ledger.settle(classes);
      for (const { address, joins } of moves) this.#placed.set(address, joins);
    });
  }

  /** After a change of the policy: what was used counts against the new caps, and rates begin anew. */
  recount(): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#ledger.read();
      const used = (address: string, direction: "up" | "down") =>
        found?.caps.find((cap) => cap.address === address && cap.direction === direction)?.used;
      const accounts = [...this.#residents].map(([address, resident]) => ({
        address,
        isLive: resident !== undefined,
        ...this.#terms(address),
        used: { up: used(address, "up"), down: used(address, "down") },
      }));
      await this.#ledger.recount(accounts);
      for (const { address, class: placed } of accounts) this.#placed.set(address, placed);
      for (const port of this.#ports()) await this.#rearm(port);
      this.#isRecountDue = false;
    });
  }

  renew(): Promise<void> {
    return this.#inTurn(() => {
      const hourly = [...this.#residents.keys()].filter(
        (address) => this.#network(address).caps.per === "hour",
      );
      return hourly.length === 0 ? Promise.resolve() : this.#ledger.renew(hourly);
    });
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
        ...(this.#isRecountDue ? ["what was used is not counted against the policy's caps yet"] : []),
        ...[...this.#residents.keys()]
          .filter((address) => !counted.every((addresses) => addresses.has(address)))
          .map((address) => `the caps of ${address} are gone`),
        ...[...found.live]
          .filter((address) => this.#residents.get(address) === undefined)
          .map((address) => `${address} may pass, and no sandbox has that address`),
        ...[...this.#residents]
          .filter(([address, resident]) => resident && !found.live.has(address))
          .map(([address]) => `${address} may not pass any more`),
        ...[...this.#residents.keys()]
          .filter((address) => !isInOnly(found.classes, address, this.#wantedClass(address)))
          .map((address) => `what may leave ${address} is not what should`),
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
    const known = [found?.live ?? [], ...(found?.classes.values() ?? [])].flatMap((set) => [...set]);
    const foreign = new Set(known.filter((address) => !this.#residents.has(address)));
    for (const address of foreign) await this.#inTurn(() => this.#ledger.dismiss(address));
    if ((await this.faults()).length > 0) await this.recount();
  }

  /** A container that ended took its port along, at any moment. */
  async #rearm(port: PortPlan): Promise<void> {
    const isThere = () => existsSync(`/sys/class/net/${port.port}`);
    if (!isThere()) return;
    try {
      await this.#arm(this.#plan, port);
    } catch (error) {
      if (isThere()) throw error;
    }
  }

  #ports(): PortPlan[] {
    return [...this.#residents.values()].flatMap((resident) => (resident ? [this.#port(resident)] : []));
  }

  #port(resident: Resident): PortPlan {
    return { ...resident, bandwidth: this.#network(resident.address).bandwidth };
  }

  #network(address: string): Policy["network"] {
    return (this.#own.get(address) ?? this.#policy)();
  }

  #terms(address: string): Terms {
    const network = this.#network(address);
    const { up, down } = network.caps;
    const name = classNameOf(network);
    // Of what the rules do not know nobody is let out: a policy that was just taken over comes into force in a moment.
    return { caps: { up, down }, class: this.#classes.includes(name) ? name : undefined };
  }

  /** Of what the rules do not know yet, what they knew before. */
  #wantedClass(address: string): string | undefined {
    return this.#terms(address).class ?? this.#placed.get(address);
  }

  async #admit(address: string): Promise<void> {
    const terms = this.#terms(address);
    await this.#ledger.admit(address, terms);
    this.#placed.set(address, terms.class);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function isInOnly(
  classes: ReadonlyMap<string, ReadonlySet<string>>,
  address: string,
  wanted: string | undefined,
): boolean {
  const found = [...classes].flatMap(([name, addresses]) => (addresses.has(address) ? [name] : []));
  return found.length === (wanted === undefined ? 0 : 1) && (wanted === undefined || found[0] === wanted);
}

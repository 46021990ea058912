import type { NetworkInspectInfo } from "dockerode";
import { MitsubakoError } from "../model/errors.ts";
import { bridgeOf } from "../model/slot.ts";
import { EngineRefused, isGone, type Engine } from "./docker.ts";
import { networkLabels, networkName } from "./labels.ts";

export interface NetworkPlan {
  /** Such as `10.203.0.0/20`, free on this machine. */
  readonly subnet: string;
  /** The bridge's own address in it. */
  readonly gateway: string;
}

/** The slot's network, and which of its addresses are free. */
export interface SandboxNetwork extends NetworkPlan {
  readonly slot: number;
  readonly addresses: Addresses;
}

/**
 * Sees to it that the slot's network is there as planned. Only to be called when the fence around the bridge stands.
 * The bridge itself may exist already; the engine then uses it.
 * @throws MitsubakoError `engine-dead`; `engine-refused`, also when an other network with containers is in the way.
 */
export async function ensureNetwork(
  engine: Engine,
  slot: number,
  plan: NetworkPlan,
): Promise<SandboxNetwork> {
  const found = await inspect(engine, networkName(slot));
  if (found === undefined || !isAsPlanned(found, slot, plan)) {
    if (found !== undefined) await removeNetwork(engine, slot);
    await engine.call("create the sandboxes' network", (docker) =>
      docker.createNetwork(networkSpec(slot, plan)),
    );
  }
  return { ...plan, slot, addresses: new Addresses(plan) };
}

/** @returns whether there was one. @throws MitsubakoError `engine-refused` when containers are still on it. */
export async function removeNetwork(engine: Engine, slot: number): Promise<boolean> {
  try {
    await engine.call("remove the sandboxes' network", (docker) =>
      docker.getNetwork(networkName(slot)).remove(),
    );
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    if (error instanceof EngineRefused && /active endpoints/.test(error.message))
      throw new MitsubakoError("engine-refused", error.message, {
        remedy: "Restart Docker Engine: it keeps a place on that network for a container that is gone.",
        cause: error,
      });
    throw error;
  }
}

/**
 * Not `Internal`: such networks of newer engines have no default route, and the sandbox could not answer to the
 * attacker's address that it sees.
 */
export function networkSpec(slot: number, { subnet, gateway }: NetworkPlan) {
  return {
    Name: networkName(slot),
    CheckDuplicate: true,
    Driver: "bridge",
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    IPAM: { Driver: "default", Config: [{ Subnet: subnet, Gateway: gateway }] },
    Options: networkOptions(slot),
    Labels: networkLabels(slot),
  };
}

function networkOptions(slot: number): Record<string, string> {
  return {
    "com.docker.network.bridge.name": bridgeOf(slot),
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
  };
}

async function inspect(engine: Engine, name: string): Promise<NetworkInspectInfo | undefined> {
  try {
    return await engine.call("describe the sandboxes' network", (docker) =>
      docker.getNetwork(name).inspect(),
    );
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isAsPlanned(found: NetworkInspectInfo, slot: number, plan: NetworkPlan): boolean {
  const pool = found.IPAM?.Config?.[0];
  return (
    found.Driver === "bridge" &&
    !found.EnableIPv6 &&
    !found.Internal &&
    pool?.Subnet === plan.subnet &&
    pool.Gateway === plan.gateway &&
    Object.entries(networkOptions(slot)).every(([key, value]) => found.Options?.[key] === value) &&
    Object.entries(networkLabels(slot)).every(([key, value]) => found.Labels?.[key] === value)
  );
}

/**
 * Which sandbox has which address. Handed out in turn, so that one that was just given back is used last: a late packet
 * meets nobody rather than another source's sandbox.
 */
export class Addresses {
  readonly #used = new Set<number>();
  readonly #first: number;
  readonly #last: number;
  readonly #gateway: number;
  #next: number;

  constructor({ subnet, gateway }: NetworkPlan) {
    const [address = "", bits = "32"] = subnet.split("/");
    const network = toNumber(address);
    const size = 2 ** (32 - Number(bits));
    this.#first = network + 1;
    // The last four are the outpost's (firewall/plan.ts).
    this.#last = network + size - 5;
    this.#gateway = toNumber(gateway);
    // Low numbers look like what they are: the first guests of a fresh network.
    this.#next = this.#first + Math.min(9, Math.max(0, size - 4));
  }

  /** @throws MitsubakoError `no-sandbox` when all are in use. */
  take(): string {
    for (let tried = this.#first; tried <= this.#last; tried++) {
      const candidate = this.#next;
      this.#next = candidate === this.#last ? this.#first : candidate + 1;
      if (candidate === this.#gateway || this.#used.has(candidate)) continue;
      this.#used.add(candidate);
      return toAddress(candidate);
    }
    throw new MitsubakoError("no-sandbox", "Every address of the sandboxes' network is in use.", {
      remedy: "Give the policy a larger network.subnet.",
    });
  }

  giveBack(address: string): void {
    this.#used.delete(toNumber(address));
  }
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}

/** The engine's answer to an address that it still holds, or whose name some container still has. */
export function isAddressTaken(error: unknown): boolean {
  return (
    error instanceof EngineRefused && /address already in use|name .* is already in use/i.test(error.message)
  );
}

import { existsSync } from "node:fs";
import type { Policy } from "../model/policy.ts";
import { bridgeOf, outpostLinkOf } from "../model/slot.ts";
import { bridgeFaults, isolatePorts, lowerBridge, networksOn, raiseBridge } from "./bridge.ts";
import type { CapReading } from "./caps.ts";
import { command } from "./command.ts";
import { egressOf, type Egress } from "./egress.ts";
import { chooseEngine, ENGINES } from "./engines.ts";
import type { EngineName, Netfilter } from "./netfilter.ts";
import { readHost } from "./own-networks.ts";
import { fencePlan, preferencesOf, type FencePlan } from "./plan.ts";
import { lowerRouting, raiseRouting, routingFaults, rulesAt } from "./routing.ts";
import { Residents, type Resident } from "./residents.ts";
import { reapShaper, shaperRemains } from "./shaper.ts";
import { openSourceAddresses, type SourceAddresses } from "./source-address.ts";
import { parseSubnet, type Subnet } from "./subnet.ts";
import { hasWitness, lowerWitness } from "./witness.ts";

export interface FenceOptions {
  readonly slot: number;
  readonly subnet: Subnet;
  readonly network: Policy["network"];
  /** What it is with each of the policy's profiles laid over it. Default: there are none. */
  readonly profiles?: readonly Policy["network"][];
  /** Where the sandboxes' sshd listens. Default 22. */
  readonly sshPort?: number;
}

/** What keeps a slot's sandboxes in, while it stands. It stays in the kernel when this process ends, until `lower`. */
export interface Fence {
  readonly plan: FencePlan;
  /** What drives netfilter. */
  readonly engine: EngineName;
  /** What the rules in force say. */
  readonly egress: Egress;
  /** Ways to a sandbox on which it sees the attacker's own address. */
  readonly sources: SourceAddresses;
  /** Bars new containers' ports from each other. Opening a path does it, too. */
  isolate(): void;
  /** Rules of a sandbox that does not exist yet: its caps. Nothing of it passes before `letOut`. */
  admit(address: string): Promise<void>;
  /** Filters and shapes its port; from here on what the policy allows may pass. */
  letOut(sandbox: Resident): Promise<void>;
  /** `network` says, asked each time, what holds for this one. Nobody is in it yet. */
  assign(address: string, network: () => Policy["network"]): Promise<void>;
  /** It is gone: so are its rules and its connections. */
  dismiss(address: string): Promise<void>;
  /** Puts another policy in force for all sandboxes that live, at once. @param profiles as in `FenceOptions`. */
  change(network: Policy["network"], profiles?: readonly Policy["network"][]): Promise<void>;
  caps(): Promise<readonly CapReading[]>;
  /** Gives each sandbox whose caps are for an hour its caps anew. */
  renewCaps(): Promise<void>;
  /** What is not as it should be, one sentence each. Empty: all is well. */
  check(): Promise<string[]>;
  /** Puts everything back as it should be. Sessions go on. */
  repair(): Promise<void>;
  /** Takes all of it away; only when no container is left on the bridge. */
  lower(): Promise<void>;
}

/**
 * Routes first, then rules, then the bridge: at no moment is there a bridge that a packet could leave.
 * Can be called again at any time, over what an earlier process left.
 *
 * @throws MitsubakoError `firewall-failed`, `tool-missing`: then no sandbox may be started.
 */
export async function raiseFence(options: FenceOptions): Promise<Fence> {
  const { slot, subnet, network, sshPort } = options;
  const plan = fencePlan(slot, subnet, sshPort);
  let policy = network;
  let profiles = options.profiles ?? [];
  const wanted = async () => egressOf(policy, await readHost([plan.bridge, plan.outpost.link]), profiles);
  let egress = await wanted();
  const engine = await chooseEngine(network.engine, plan, egress);
  await raise(engine, plan, egress);
  // An earlier gateway of the slot may have used the other one.
  for (const other of ENGINES) if (other !== engine) await other.remove(slot);
  const sources = await openSourceAddresses(plan, await engine.openPaths(plan));
  const ledger = engine.ledger(plan.table);
  const classes = () => egress.classes.map(({ name }) => name);
  const residents = new Residents(plan, ledger, () => policy, classes());
  const putInForce = () => residents.change(classes(), () => raise(engine, plan, egress));
  /** Names of ports that were barred; the engine makes each name up anew. */
  const barred = new Set<string>();
  return {
    plan,
    engine: engine.name,
    get egress() {
      return egress;
    },
    sources: {
      // Nobody reaches a sandbox but by a path, so no port is left open towards the others when somebody does.
      openPath: (options) => {
        isolatePorts(plan.bridge, barred);
        return sources.openPath(options);
      },
      [Symbol.asyncDispose]: () => sources[Symbol.asyncDispose](),
    },
    isolate: () => {
      isolatePorts(plan.bridge, barred);
    },
    admit: (address) => residents.admit(address),
    letOut: (sandbox) => residents.letOut(sandbox),
    assign: (address, own) => residents.assign(address, own),
    dismiss: (address) => residents.dismiss(address),
    change: async (changed, changedProfiles = []) => {
      [policy, profiles] = [changed, changedProfiles];
      residents.policyChanged();
      await orShut(plan, async () => {
        egress = await wanted();
        await putInForce();
        await residents.recount();
      });
    },
    caps: async () => (await ledger.read())?.caps ?? [],
    renewCaps: () => residents.renew(),
    check: async () => {
      isolatePorts(plan.bridge, barred);
      const faults = [
        ...(await faultsOf(engine, plan, egress)),
        ...(await bridgeFaults(plan, egress, barred)),
        ...(await residents.faults()),
      ];
      const now = await wanted();
      // The machine got another address or network: no fault, but the fences follow. Nobody's class is another one by that.
      if (faults.length === 0 && JSON.stringify(now) !== JSON.stringify(egress)) {
        egress = now;
        await orShut(plan, putInForce);
      }
      return faults;
    },
    repair: async () => {
      egress = await wanted();
      await orShut(plan, async () => {
        await putInForce();
        // Something foreign stands among our rules that new ones do not replace. Without any nothing passes.
        if ((await engine.faults(plan, egress)).length > 0) await engine.rebuild(plan, egress);
        await residents.restore();
      });
      await reapShaper(slot);
      isolatePorts(plan.bridge);
    },
    lower: async () => {
      await sources[Symbol.asyncDispose]();
      await lower(slot);
    },
  };
}

/**
 * What would drive netfilter here. The rules are tried in a network namespace of their own; nothing is changed.
 *
 * @throws MitsubakoError `firewall-failed`, `tool-missing`: as raising a fence would.
 */
export async function engineFor(
  network: Policy["network"],
  profiles: FenceOptions["profiles"],
): Promise<EngineName> {
  const plan = fencePlan(0, parseSubnet(network.subnet ?? ANY_SUBNET));
  const egress = egressOf(network, await readHost([plan.bridge, plan.outpost.link]), profiles);
  return (await chooseEngine(network.engine, plan, egress)).name;
}

const ANY_SUBNET = "10.200.0.0/20";

async function faultsOf(engine: Netfilter, plan: FencePlan, egress: Egress): Promise<string[]> {
  const [routing, rules] = await Promise.all([
    routingFaults(plan, egress.isOpen),
    engine.faults(plan, egress),
  ]);
  return [...routing, ...rules];
}

/** Removes whatever a slot's gateway left in the kernel, without knowing its subnet. The caller holds the slot. */
export async function reapFence(slot: number): Promise<void> {
  await lower(slot);
}

/** What of a slot's fence is in the kernel, one name each; for telling what reaping would remove. */
export async function fenceRemains(slot: number): Promise<string[]> {
  const remains: string[] = [];
  for (const link of [bridgeOf(slot), outpostLinkOf(slot)])
    if (existsSync(`/sys/class/net/${link}`)) remains.push(`link ${link}`);
  for (const engine of ENGINES) remains.push(...(await engine.remains(slot)));
  if (await hasWitness(slot)) remains.push("the table of a probe that was killed");
  const rules = await rulesAt(preferencesOf(slot));
  if (rules > 0) remains.push(`${rules} routing rules`);
  remains.push(...shaperRemains(slot));
  return remains;
}

/** To open: rules, then routes, then the bridge. To shut, the rules alone shut everything at once. */
async function raise(engine: Netfilter, plan: FencePlan, egress: Egress): Promise<void> {
  if (egress.isOpen) await engine.apply(plan, egress);
  await raiseRouting(plan, egress.isOpen);
  if (!egress.isOpen) await engine.apply(plan, egress);
  await raiseBridge(plan, egress);
}

/** Rules that cannot be replaced may let out what the new ones would not: then nothing is routed until a repair succeeds. */
async function orShut(plan: FencePlan, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await raiseRouting(plan, false);
    throw error;
  }
}

/** In reverse. The bridge's own addresses say which connections were the sandboxes'. */
async function lower(slot: number): Promise<void> {
  const networks = await networksOn(bridgeOf(slot));
  await lowerBridge(bridgeOf(slot));
  await reapShaper(slot);
  if (existsSync(`/sys/class/net/${outpostLinkOf(slot)}`))
    await command("ip", ["link", "del", outpostLinkOf(slot)]);
  for (const engine of ENGINES) await engine.remove(slot);
  await lowerWitness(slot);
  await lowerRouting(preferencesOf(slot));
  // Exit code 1: there was none.
  for (const network of networks)
    for (const end of ["-d", "-s"]) await command("conntrack", ["-D", end, network], { accept: [0, 1] });
}

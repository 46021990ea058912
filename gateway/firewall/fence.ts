import { existsSync } from "node:fs";
import { command } from "./command.ts";
import { bridgeFaults, isolatePorts, lowerBridge, networksOn, raiseBridge } from "./bridge.ts";
import { applyRules, expectedTable, FAMILIES, listTable, removeTable } from "./nft.ts";
import { bridgeOf, tableOf } from "../model/slot.ts";
import { fencePlan, preferencesOf, type FencePlan } from "./plan.ts";
import { lowerRouting, raiseRouting, routingFaults, rulesAt } from "./routing.ts";
import { rulesText } from "./rules.ts";
import { openSourceAddresses, type SourceAddresses } from "./source-address.ts";
import type { Subnet } from "./subnet.ts";

export interface FenceOptions {
  readonly slot: number;
  readonly subnet: Subnet;
  /** Where the sandboxes' sshd listens. Default 22. */
  readonly sshPort?: number;
}

/** What keeps a slot's sandboxes in, while it stands. It stays in the kernel when this process ends, until `lower`. */
export interface Fence {
  readonly plan: FencePlan;
  /** Ways to a sandbox on which it sees the attacker's own address. */
  readonly sources: SourceAddresses;
  /** Bars new containers' ports from each other. Opening a path does it, too. */
  isolate(): void;
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
export async function raiseFence({ slot, subnet, sshPort }: FenceOptions): Promise<Fence> {
  const plan = fencePlan(slot, subnet, sshPort);
  await raise(plan);
  const sources = await openSourceAddresses(plan);
  /** Names of ports that were barred; the engine makes each name up anew. */
  const barred = new Set<string>();
  return {
    plan,
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
    check: () => checkFence(plan),
    repair: async () => {
      await raise(plan);
      isolatePorts(plan.bridge);
    },
    lower: async () => {
      await sources[Symbol.asyncDispose]();
      await lower(slot);
    },
  };
}

/** Compares the kernel's state with the plan; for the gateway's periodic look and for `doctor`. */
export async function checkFence(plan: FencePlan): Promise<string[]> {
  const [routing, rules, bridge] = await Promise.all([
    routingFaults(plan),
    rulesFaults(plan),
    bridgeFaults(plan),
  ]);
  return [...routing, ...rules, ...bridge];
}

/** Removes whatever a slot's gateway left in the kernel, without knowing its subnet. The caller holds the slot. */
export async function reapFence(slot: number): Promise<void> {
  await lower(slot);
}

/** What of a slot's fence is in the kernel, one name each; for telling what reaping would remove. */
export async function fenceRemains(slot: number): Promise<string[]> {
  const remains: string[] = [];
  if (existsSync(`/sys/class/net/${bridgeOf(slot)}`)) remains.push(`bridge ${bridgeOf(slot)}`);
  for (const family of FAMILIES)
    if ((await listTable(family, tableOf(slot))) !== undefined)
      remains.push(`table ${family} ${tableOf(slot)}`);
  const rules = await rulesAt(preferencesOf(slot));
  if (rules > 0) remains.push(`${rules} routing rules`);
  return remains;
}

async function raise(plan: FencePlan): Promise<void> {
  await raiseRouting(plan);
  await applyRules(rulesText(plan));
  await raiseBridge(plan);
}

/** In reverse. The bridge's own addresses say which connections were the sandboxes'. */
async function lower(slot: number): Promise<void> {
  const networks = await networksOn(bridgeOf(slot));
  await lowerBridge(bridgeOf(slot));
  for (const family of FAMILIES) await removeTable(family, tableOf(slot));
  await lowerRouting(preferencesOf(slot));
  // Exit code 1: there was none.
  for (const network of networks) await command("conntrack", ["-D", "-d", network], { accept: [0, 1] });
}

/** How each rule set would be listed, once asked; the gateway looks every few seconds. */
const listings = new Map<string, string>();

async function rulesFaults(plan: FencePlan): Promise<string[]> {
  const text = rulesText(plan);
  const faults: string[] = [];
  for (const family of FAMILIES) {
    const found = await listTable(family, plan.table);
    if (found === undefined) faults.push(`the table ${family} ${plan.table} is gone`);
    else if (found !== listings.get(`${family} ${text}`)) {
      // Asked anew before anything is said: an nft that was upgraded meanwhile prints otherwise.
      const expected = await expectedTable(text, family, plan.table);
      listings.set(`${family} ${text}`, expected);
      if (found !== expected) faults.push(`the table ${family} ${plan.table} is not what it should be`);
    }
  }
  return faults;
}

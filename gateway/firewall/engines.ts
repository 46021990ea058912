import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import type { CapReading } from "./caps.ts";
import type { Egress } from "./egress.ts";
import { ifWorking } from "./command.ts";
import { IPTABLES } from "./iptables-engine.ts";
import type { Netfilter } from "./netfilter.ts";
import { NFT } from "./nft-engine.ts";
import type { FencePlan } from "./plan.ts";
import { tableOf } from "../model/slot.ts";

/** In the order in which `auto` tries them. */
export const ENGINES: readonly Netfilter[] = [NFT, IPTABLES];

/**
 * The engine that the policy asks for; with `auto` the first that takes the very rules that are wanted, in a network namespace of
 * its own.
 *
 * @throws MitsubakoError `firewall-failed`, `tool-missing`: with what each of them said.
 */
export async function chooseEngine(
  wanted: Policy["network"]["engine"],
  plan: FencePlan,
  egress: Egress,
): Promise<Netfilter> {
  const refusals: string[] = [];
  for (const engine of ENGINES.filter(({ name }) => wanted === "auto" || name === wanted)) {
    try {
      await engine.rehearse(plan, egress);
      return engine;
    } catch (error) {
      if (wanted !== "auto") throw error;
      refusals.push(`${engine.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new MitsubakoError("firewall-failed", `Nothing here can contain a sandbox (${refusals.join("; ")})`, {
    remedy:
      "Install nftables, or iptables and ipset, on a kernel with either; `mitsubako doctor` names what is missing.",
  });
}

/** What the sandboxes of a slot have used of their caps, whatever engine its gateway uses. Empty where there is none. */
export async function capsOf(slot: number): Promise<readonly CapReading[]> {
  for (const engine of ENGINES) {
    const found = await ifWorking(() => engine.ledger(tableOf(slot)).read());
    if (found && found.caps.length > 0) return found.caps;
  }
  return [];
}

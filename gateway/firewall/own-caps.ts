import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import type { EngineName } from "./netfilter.ts";

/**
 * iptables has its caps in the rules, the same for every sandbox; nft has them in each sandbox's own quotas.
 *
 * @param networks of every policy that can be in force for somebody.
 * @throws MitsubakoError `firewall-failed`
 */
export function requireCaps(engine: EngineName, networks: readonly Policy["network"][]): void {
  const [first] = networks;
  const isSame = networks.every(({ caps }) => caps.up === first?.caps.up && caps.down === first.caps.down);
  if (engine === "nft" || isSame) return;
  throw new MitsubakoError("firewall-failed", "iptables cannot give a profile byte caps of its own.", {
    remedy: "Take network.caps out of the profiles, or run where nft works (network.engine).",
  });
}

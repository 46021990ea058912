import { NETWORK_RULES, type NetworkRule } from "../model/network-facts.ts";
import { always, type Chains } from "./rule-model.ts";

/** The chain that a refused packet goes to. */
export function refusal(rule: NetworkRule): string {
  return `no_${rule.replaceAll("-", "_")}`;
}

/** Whose address cannot be believed shares one allowance. */
const LIARS: readonly NetworkRule[] = ["spoofed", "ipv6"];

/** One chain for each rule that refuses: told, counted, dropped. */
export function refusalChains(): Chains {
  const denying = (Object.keys(NETWORK_RULES) as NetworkRule[]).filter(
    // A name that is too long is the outpost's to refuse; a cap is reset, not dropped.
    (rule) => NETWORK_RULES[rule].outcome === "denied" && rule !== "dns-size",
  );
  return Object.fromEntries(
    denying.map((rule) => [
      refusal(rule),
      [always.tell(rule, LIARS.includes(rule) ? "liars" : "source"), always.drop()],
    ]),
  );
}

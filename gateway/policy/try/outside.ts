import { isDeepStrictEqual } from "node:util";
import { BOT_PORTS } from "../../model/bot-ports.ts";
import type { NetworkRule } from "../../model/network-facts.ts";
import type { Policy } from "../../model/policy.ts";
import { compileRanges } from "../ranges.ts";
import type { Resolved } from "../resolve.ts";
import type { RecordedConnect } from "./recorded.ts";

/** `name`: looked up by a resolver of ours, or made up by it. */
export type Way = "deny" | "limited" | "sinkhole" | "name";

/** What nothing lets through, whatever a policy says. */
const NEVER: ReadonlySet<NetworkRule> = new Set<NetworkRule>([
  ...(["host", "neighbour", "spoofed", "ipv6", "malformed", "flood"] as const),
]);

/** What a policy makes of what sandboxes turn to. @param fences ranges that are fenced without being named. */
export function waysUnder(
  network: Policy["network"],
  fences: readonly string[],
): (connect: Pick<RecordedConnect, "protocol" | "address" | "port" | "rule">) => Way {
  const isShut = compileRanges([...fences, ...network.fences]);
  const isOpened = compileRanges(network.openFences);
  const hasNames = network.egress !== "deny" || network.ports.some(({ egress }) => egress !== "deny");
  return ({ protocol, address, port, rule }) => {
    if (NEVER.has(rule) || address.includes(":")) return "deny";
    if (port === 53 && (protocol === "tcp" || protocol === "udp") && hasNames) return "name";
    if (isShut(address) && !isOpened(address)) return "deny";
    return wayTo(protocol, port, network);
  };
}

/** What a policy makes of something new to a port outside. */
export function wayTo(
  protocol: RecordedConnect["protocol"],
  port: number,
  { ports, egress }: Policy["network"],
): "deny" | "limited" | "sinkhole" {
  const entry = ports.find(
    (one) =>
      one.protocol === protocol && (one.ports?.some(([from, to]) => port >= from && port <= to) ?? true),
  );
  const way = entry?.egress ?? (egress === "dns" ? "deny" : egress);
  const isBots = protocol === "tcp" && BOT_PORTS.some(([from, to]) => port >= from && port <= to);
  return way === "limited" && isBots ? "deny" : way;
}

/** In words, one sentence for each thing that is open: by the policy, and by its profiles, where that is something else. */
export function opensUnder({ network }: Pick<Policy, "network">, profiles: readonly Resolved[]): string[] {
  const own = opensOutside(network);
  return [
    ...own,
    ...profiles.flatMap(({ profile = "", policy }) => {
      const open = opensOutside(policy.network);
      if (isDeepStrictEqual(open, own)) return [];
      return (open.length === 0 ? ["nothing"] : open).map((what) => `profile ${profile}: ${what}`);
    }),
  ];
}

/** Empty where nothing leaves. */
function opensOutside({ egress, ports }: Policy["network"]): string[] {
  const limited = "within network.rates, network.connections and network.caps";
  return [
    ...(egress === "limited" ? [`every port but those of bots, ${limited}`] : []),
    ...ports.flatMap(({ protocol, ports: ranges, egress: way }) => {
      if (way !== "limited") return [];
      const which = ranges?.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
      return [`${protocol} ${which ?? "of any port"}, ${limited}`];
    }),
    ...(egress === "dns" || egress === "limited" || ports.some(({ egress: way }) => way === "limited")
      ? ["names, by a resolver of ours"]
      : []),
  ];
}

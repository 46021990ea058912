import { BOT_PORTS } from "../../model/bot-ports.ts";
import type { Policy } from "../../model/policy.ts";

export type Way = "deny" | "limited" | "sinkhole";

/** What a policy makes of a new TCP connection to a port outside. */
export function wayTo(port: number, { ports, egress }: Policy["network"]): Way {
  const entry = ports.find(
    ({ protocol, ports: ranges }) =>
      protocol === "tcp" && (ranges?.some(([from, to]) => port >= from && port <= to) ?? true),
  );
  const way = entry?.egress ?? (egress === "dns" ? "deny" : egress);
  const isBots = BOT_PORTS.some(([from, to]) => port >= from && port <= to);
  return way === "limited" && isBots ? "deny" : way;
}

/** In words, one sentence for each thing that is open; empty where nothing leaves. */
export function opensOutside({ egress, ports }: Policy["network"]): string[] {
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

import type { Policy } from "../model/policy.ts";
import type { Caps } from "./caps.ts";
import { overlaps } from "./subnet.ts";

/** What becomes of a new connection of a sandbox. */
export type Mode = "deny" | "limited" | "sinkhole";

export interface Decision {
  /** `any` is the last one's: every protocol, every port. */
  readonly protocol: "tcp" | "udp" | "icmp" | "other" | "any";
  /** Both ends included; all ports if absent. */
  readonly ports?: readonly (readonly [number, number])[];
  readonly mode: Mode;
}

/** What a policy says of the sandboxes' way out, as rules are made from it. Pure data. */
export interface Egress {
  /** In the order in which they are tried; the last one applies to all. */
  readonly decisions: readonly Decision[];
  /** Whether and how names are answered. Something that may really leave needs real names; a sinkhole makes them up. */
  readonly names: "none" | "resolve" | "invent";
  readonly resolvers: readonly string[];
  readonly dnsRate: Policy["network"]["dns"]["rate"];
  readonly rates: Policy["network"]["rates"];
  readonly connections: number;
  /** Ranges that nothing may reach, none of them within another. */
  readonly fences: readonly string[];
  /** The machine's own addresses, fenced whatever is opened. */
  readonly own: readonly string[];
  /** Ranges within the fences that the operator has opened. */
  readonly openings: readonly string[];
  readonly caps: Caps;
  /** Whether anything but SSH may pass at all. */
  readonly isOpen: boolean;
}

/** What of the machine goes into the rules, and may change while a gateway runs. */
export interface HostFacts {
  /** Its own IPv4 addresses. */
  readonly addresses: readonly string[];
  /** IPv4 ranges that are on its links: its neighbours. */
  readonly networks: readonly string[];
  /** The machine's own resolvers, none of them on the machine itself. */
  readonly resolvers: readonly string[];
}

/**
 * Never reached from a sandbox: private (RFC 1918, 6598), this host (1122), link-local and with it most metadata services (3927),
 * IETF and benchmarking (6890, 2544), the relay of 6to4 (7526), multicast and reserved (5771, 1112). 168.63.129.16 is Azure's
 * metadata and wire server; Oracle's and Alibaba's lie in the ranges.
 */
export const FENCES: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];

export function egressOf(network: Policy["network"], host: HostFacts): Egress {
  const { egress, ports, dns, rates, connections, fences, openFences, caps } = network;
  const decisions: Decision[] = [
    ...ports.map(({ protocol, ports: ranges, egress: mode }) => ({
      protocol,
      mode,
      ...(ranges === undefined ? {} : { ports: ranges }),
    })),
    { protocol: "any", mode: egress === "dns" ? "deny" : egress },
  ];
  const leaves = egress === "dns" || decisions.some(({ mode }) => mode === "limited");
  const isOpen = leaves || decisions.some(({ mode }) => mode === "sinkhole");
  return {
    decisions,
    names: leaves ? "resolve" : isOpen ? "invent" : "none",
    resolvers: leaves ? (dns.resolvers ?? host.resolvers) : [],
    dnsRate: dns.rate,
    rates,
    connections,
    own: host.addresses.toSorted(),
    fences: withoutNested([...FENCES, ...fences, ...host.addresses, ...host.networks]),
    openings: withoutNested(openFences),
    caps: { up: caps.up, down: caps.down },
    isOpen,
  };
}

/** Sorted, without what another one contains: ranges are nested or apart, and netfilter takes no nested ones. */
function withoutNested(ranges: readonly string[]): string[] {
  const widest = [...new Set(ranges)].sort((one, other) => bits(one) - bits(other));
  const kept: string[] = [];
  for (const range of widest) if (!kept.some((wider) => overlaps(wider, range))) kept.push(range);
  return kept.sort();
}

function bits(range: string): number {
  return Number(range.split("/")[1] ?? "32");
}

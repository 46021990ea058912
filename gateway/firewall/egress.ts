import type { Policy } from "../model/policy.ts";
import type { Caps } from "./caps.ts";
import { nameOf } from "./content-name.ts";
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

/** What holds for some of the sandboxes: the policy, or the policy with a profile laid over it. */
export interface EgressClass {
  /**
   * Made from what the policy says. So a name never means something else in another rule set, and a sandbox that the kernel still has
   * in a class of an earlier one is in none that it should not be in.
   */
  readonly name: string;
  /** In the order in which they are tried; the last one applies to all. */
  readonly decisions: readonly Decision[];
  /** Whether and how names are answered. Something that may really leave needs real names; a sinkhole makes them up. */
  readonly names: "none" | "resolve" | "invent";
  readonly dnsRate: Policy["network"]["dns"]["rate"];
  readonly rates: Policy["network"]["rates"];
  readonly connections: number;
  /** Ranges that nothing may reach, none of them within another. */
  readonly fences: readonly string[];
  /** Ranges within the fences that the operator has opened. */
  readonly openings: readonly string[];
  readonly caps: Caps;
}

/** What a policy says of the sandboxes' way out, as rules are made from it. Pure data. */
export interface Egress {
  /** The policy's own first, then those of its profiles; each once. A sandbox that is in none of them has no way out. */
  readonly classes: readonly [EgressClass, ...EgressClass[]];
  readonly resolvers: readonly string[];
  /** The machine's own addresses, fenced whatever is opened. */
  readonly own: readonly string[];
  /** What is fenced for every class, and what is opened for any: for who cannot tell whose packet it is. */
  readonly fences: readonly string[];
  readonly openings: readonly string[];
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

/** @param profiles what `network` is with each of the policy's profiles laid over it. */
export function egressOf(
  network: Policy["network"],
  host: HostFacts,
  profiles: readonly Policy["network"][] = [],
): Egress {
  const classes = distinct(
    classOf(network, host),
    profiles.map((each) => classOf(each, host)),
  );
  const open = [network, ...profiles].filter((each) => modesOf(each).isOpen);
  const [one, ...rest] = open.length > 0 ? open : [network];
  const common = one?.fences.filter((range) => rest.every(({ fences }) => fences.includes(range))) ?? [];
  const leaves = classes.some(({ names }) => names === "resolve");
  return {
    classes,
    resolvers: leaves ? (network.dns.resolvers ?? host.resolvers) : [],
    own: host.addresses.toSorted(),
    fences: fencesOf(common, host),
    openings: withoutNested(open.flatMap(({ openFences }) => openFences)),
    isOpen: open.length > 0,
  };
}

function distinct(first: EgressClass, others: readonly EgressClass[]): Egress["classes"] {
  const kept = new Map([[first.name, first]]);
  for (const each of others) {
    const known = kept.get(each.name) ?? each;
    // Once in some 30,000,000 policies; rather none than the way out of another.
    if (JSON.stringify(known) !== JSON.stringify(each))
      throw new Error("two profiles' ways out have one name; change a rate in one of them");
    kept.set(each.name, known);
  }
  kept.delete(first.name);
  return [first, ...kept.values()];
}

/** Of the class that a policy's sandboxes are in. */
export function classNameOf(network: Policy["network"]): string {
  const { egress, ports, dns, rates, connections, fences, openFences, caps } = network;
  const { up, down } = caps;
  return nameOf({ egress, ports, rate: dns.rate, rates, connections, fences, openFences, up, down });
}

/** Whether anything new may begin there. */
export function isOpen({ decisions, names }: EgressClass): boolean {
  return names !== "none" || decisions.some(({ mode }) => mode !== "deny");
}

function classOf(network: Policy["network"], host: HostFacts): EgressClass {
  const { dns, rates, connections, fences, openFences, caps } = network;
  const { decisions, names } = modesOf(network);
  return {
    name: classNameOf(network),
    decisions,
    names,
    dnsRate: dns.rate,
    rates,
    connections,
    fences: fencesOf(fences, host),
    openings: withoutNested(openFences),
    caps: { up: caps.up, down: caps.down },
  };
}

function modesOf({ egress, ports }: Policy["network"]): Pick<EgressClass, "decisions" | "names"> & {
  readonly isOpen: boolean;
} {
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
  return { decisions, names: leaves ? "resolve" : isOpen ? "invent" : "none", isOpen };
}

function fencesOf(named: readonly string[], { addresses, networks }: HostFacts): string[] {
  return withoutNested([...FENCES, ...named, ...addresses, ...networks]);
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

import { MitsubakoError } from "../model/errors.ts";
import { command } from "./command.ts";
import { applyRules } from "./nft.ts";
import type { FencePlan } from "./plan.ts";

/**
 * Watches the packets of a slot in which nobody is, for a probe of its fence, and holds back what gets through it. It stands
 * behind everything that the fence and the machine's own firewalls have to say: what comes to its last chain of `forward` was about to
 * leave, what comes to its last chain of `input` was about to reach a service. There it is noted and dropped, so that a probe harms
 * nobody whatever it finds, and no route of the machine is touched.
 */
export async function raiseWitness(plan: FencePlan): Promise<void> {
  await lowerWitness(plan.slot);
  await applyRules(witnessText(plan));
}

/** Removes it if it is there. A machine without nft has none. */
export async function lowerWitness(slot: number): Promise<void> {
  try {
    await command("nft", ["delete", "table", "inet", witnessTableOf(slot)], { accept: [0, 1] });
  } catch (error) {
    if (!(error instanceof MitsubakoError && error.code === "tool-missing")) throw error;
  }
}

export async function hasWitness(slot: number): Promise<boolean> {
  try {
    const list = ["list", "table", "inet", witnessTableOf(slot)];
    return (await command("nft", list, { accept: [0, 1] })) !== "";
  } catch (error) {
    if (error instanceof MitsubakoError && error.code === "tool-missing") return false;
    throw error;
  }
}

function witnessTableOf(slot: number): string {
  return `mitsubako${slot}_witness`;
}

/**
 * `sent`: it left the sandbox, and netfilter saw it before anything was decided. The others: where it came through to. `asked`: the
 * outpost's own questions to resolvers.
 */
export const PLACES = ["sent", "out", "host", "outpost", "asked"] as const;
export type Place = (typeof PLACES)[number];

/** A kind of packet by its destination, as in `203.0.113.80 6 80`: address, number of the protocol, port where it has one. */
export type Sighting = string;

export type Sightings = Readonly<Record<Place, ReadonlySet<Sighting>>>;

export async function readWitness(slot: number): Promise<Sightings> {
  const printed = await command("nft", ["-j", "-n", "list", "table", "inet", witnessTableOf(slot)]);
  const sets = setsIn(printed);
  return Object.fromEntries(
    PLACES.map((place) => [place, new Set(KINDS.flatMap(({ name }) => sets.get(`${place}_${name}`) ?? []))]),
  ) as Record<Place, Set<Sighting>>;
}

/** What another sandbox is sent by the one that probes, by whatever way; looked at in its own namespace, with which it ends. */
export interface NeighbourWitness {
  /** The number of frames, of any protocol. */
  readonly frames: number;
  readonly sightings: ReadonlySet<Sighting>;
}

/** @param pid a process of the other sandbox. */
export async function raiseNeighbourWitness(
  pid: number,
  prober: { readonly mac: string; readonly address: string },
): Promise<void> {
  await command("nsenter", [...inNetworkOf(pid), "nft", "-f", "-"], { input: neighbourText(prober) });
}

export async function readNeighbourWitness(pid: number): Promise<NeighbourWitness> {
  const list = ["nft", "-j", "-n", "list", "table", "netdev", NEIGHBOUR_TABLE];
  const printed = await command("nsenter", [...inNetworkOf(pid), ...list]);
  const { nftables } = JSON.parse(printed) as { nftables: { counter?: { packets: number } }[] };
  return {
    frames: nftables.reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0),
    sightings: new Set([...setsIn(printed).values()].flat()),
  };
}

/** Behind everybody else's chains; only conntrack's own last step comes later. */
const LAST = 2_000_000_000;
/** Behind the putting together of fragments, before conntrack and everything that decides. */
const FIRST = -390;

/** Sets of addresses with what was sent there. Bounded: a probe tries less than a hundred. */
const KINDS = [
  {
    name: "ported",
    type: "ipv4_addr . inet_proto . inet_service",
    note: (set: string) => `meta l4proto { tcp, udp } update @${set} { ip daddr . meta l4proto . th dport }`,
  },
  {
    name: "portless",
    type: "ipv4_addr . inet_proto",
    note: (set: string) => `meta l4proto != { tcp, udp } update @${set} { ip daddr . meta l4proto }`,
  },
  {
    name: "six",
    type: "ipv6_addr . inet_proto",
    note: (set: string) => `update @${set} { ip6 daddr . meta l4proto }`,
  },
] as const;

function noted(place: string, condition: string, kinds: readonly (typeof KINDS)[number][] = KINDS): string {
  return kinds.map(({ name, note }) => `		${condition} ${note(`${place}_${name}`)}\n`).join("");
}

function sets(place: string): string {
  return KINDS.map(
    ({ name, type }) => `	set ${place}_${name} {\n		type ${type}\n		size 4096\n		flags dynamic\n	}\n`,
  ).join("");
}

function witnessText({ slot, bridge, sshPort, outpost }: FencePlan): string {
  const from = `iifname "${bridge}"`;
  return `table inet ${witnessTableOf(slot)} {
${PLACES.map(sets).join("")}
	chain sent {
		type filter hook prerouting priority ${FIRST}; policy accept;
${noted("sent", from)}	}
	chain forwarded {
		type filter hook forward priority ${LAST}; policy accept;
		${from} oifname "${bridge}" accept
		${from} oifname "${outpost.link}" goto led_to_outpost
${noted("out", from)}		${from} drop
		iifname "${outpost.link}" oifname "${bridge}" accept
${noted("asked", `iifname "${outpost.link}"`)}		iifname "${outpost.link}" drop
	}
	chain led_to_outpost {
		meta l4proto { tcp, udp } update @outpost_ported { ct original ip daddr . meta l4proto . ct original proto-dst } accept
		update @outpost_portless { ct original ip daddr . meta l4proto }
	}
	chain delivered {
		type filter hook input priority ${LAST}; policy accept;
		${from} tcp sport ${sshPort} ct state established accept
${noted("host", from)}		${from} drop
	}
}
`;
}

const NEIGHBOUR_TABLE = "witness";

/** Known by its hardware address; what the host would have routed to the neighbour, by its own. */
function neighbourText({ mac, address }: { mac: string; address: string }): string {
  const switched = `ether saddr ${mac}`;
  const routed = `ether saddr != ${mac} ip saddr ${address}`;
  return `table netdev ${NEIGHBOUR_TABLE} {
${sets("seen")}
	counter frames {
	}
	chain arrived {
		type filter hook ingress device "eth0" priority -500; policy accept;
${noted("seen", switched)}${noted("seen", routed, KINDS.slice(0, 2))}		${switched} counter name frames
		${routed} counter name frames
	}
}
`;
}

function inNetworkOf(pid: number): string[] {
  return ["-t", String(pid), "-n", "--"];
}

function setsIn(printed: string): Map<string, Sighting[]> {
  const { nftables } = JSON.parse(printed) as {
    nftables: { set?: { name: string; elem?: readonly unknown[] } }[];
  };
  return new Map(
    nftables.flatMap(({ set }) =>
      set === undefined ? [] : [[set.name, (set.elem ?? []).map(shown)] as const],
    ),
  );
}

/** An element is `{concat: [...]}`; within `{elem: {val: ...}}` where it carries more. */
function shown(element: unknown): Sighting {
  const inner = (element as { elem?: { val?: unknown } }).elem?.val ?? element;
  return ((inner as { concat?: readonly unknown[] }).concat ?? []).join(" ");
}

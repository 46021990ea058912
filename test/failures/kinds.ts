/** What drives netfilter. */
export type Netfilter = "nft" | "iptables";

/** The gateways that are made to fail: what drives netfilter, and what the policy lets out. */
export interface Kind {
  readonly name: string;
  readonly netfilter: Netfilter;
  /** The part `network` of the policy. */
  readonly network: string;
  /** It meets only the faults that could undo its rules; others have met the rest. */
  readonly isBrief?: true;
  /** Whether something may leave the machine; then the engine's own rules hold one of ours. */
  readonly isOpen: boolean;
  /** Whether a frame may come to the world, in a witness's words. */
  readonly mayArrive: (frame: string) => boolean;
  /** Whether a restless program may have an answer of a witness, in its words. */
  readonly mayReach: (place: string) => boolean;
}

/** Whatever the sandboxes do, no packet of theirs is among these. */
export function isTheMachinesOwn(frame: string): boolean {
  return frame.startsWith("the machine's own refusal, 192.0.2.2 to ");
}

export const DENY: Kind = {
  name: "nft, egress: deny",
  netfilter: "nft",
  isOpen: false,
  network: "{ engine: nft, egress: deny }",
  mayArrive: () => false,
  mayReach: () => false,
};

export const SINKHOLE: Kind = {
  name: "nft, egress: sinkhole",
  netfilter: "nft",
  isOpen: false,
  network: "{ engine: nft, egress: sinkhole }",
  mayArrive: () => false,
  mayReach: () => false,
};

/** In the lab's world; neither fenced nor on the host's link. */
const OUTSIDE = String.raw`(203\.0\.113\.80|93\.184\.216\.34)`;
/** The last: a sandbox's answer to what comes back to a program that has ended by then, which follows what was let out. */
const LET_OUT = new RegExp(
  String.raw`^(tcp 192\.0\.2\.2 to ${OUTSIDE}:(80|443)|udp 192\.0\.2\.2 to ${OUTSIDE}:2222|icmp 192\.0\.2\.2 to ${OUTSIDE} (echo|type 3))$`,
);
const ANSWERED = new RegExp(String.raw`^(tcp ${OUTSIDE}:(80|443)|udp ${OUTSIDE}:2222) `);

/** With rates that are not used up at once: what gets out has to be told from what may not all the time. */
export const LIMITED: Kind = {
  name: "nft, egress: limited",
  netfilter: "nft",
  isOpen: true,
  network:
    "{ engine: nft, egress: limited, connections: 100, dns: { resolvers: [192.0.2.1] }, rates: { tcp: 5000/hour, udp: 5000/hour, icmp: 5000/hour } }",
  mayArrive: (frame) =>
    LET_OUT.test(frame) || frame === "udp 192.0.2.2 to 192.0.2.1:53" || isTheMachinesOwn(frame),
  mayReach: (place) => ANSWERED.test(place),
};

/**
 * Each of them meets one fault after the other. With a way out open there is most to go wrong; the others take six minutes more, with
 * MITSUBAKO_KINDS=all.
 */
export const KINDS: readonly Kind[] = [
  LIMITED,
  { ...by("iptables", LIMITED), isBrief: true },
  ...(process.env["MITSUBAKO_KINDS"] === "all"
    ? [DENY, { ...SINKHOLE, isBrief: true } as const, { ...by("iptables", DENY), isBrief: true } as const]
    : []),
];

export function by(netfilter: Netfilter, kind: Kind): Kind {
  const other = (text: string) => text.replace(kind.netfilter, netfilter);
  return { ...kind, netfilter, name: other(kind.name), network: other(kind.network) };
}

/** What of ours two programs flush, as the look tells it; undefined where nothing of ours is among it. */
export function flushed({ netfilter }: Kind, how: "iptables -F" | "nft flush ruleset"): RegExp | undefined {
  if (netfilter === "iptables") return /the chains of mitsubako\d+ in .* are gone/;
  return how === "nft flush ruleset" ? /the table inet mitsubako\d+ is gone/ : undefined;
}

/**
 * Succeeds when our rule is among the engine's own. An engine that finds containers running at its start does not make again the chain
 * that it keeps for others, and then refuses nothing.
 */
export const DOOR = "! iptables -S DOCKER-USER || iptables -S DOCKER-USER | grep mitsubako";

/**
 * Lists our rules, whatever drives netfilter, in no order but that within a chain. Sandboxes come and go meanwhile, rules do not. From
 * where the last of them is asked depends on whether the engine's own chains are there.
 */
export const RULES = `
  nft -s list ruleset | awk '/^table .* mitsubako/, /^}/' | awk '/chain/, /}/'
  { iptables-save; ip6tables-save; } | grep -E '^-A.* mitsubako' | grep -vE -- '-A mitsubako[0-9]+-shown |-j mitsubako[0-9]+-door$|-A DOCKER-USER ' | LC_ALL=C sort -s -k 2,2 || true`;

export interface Shape {
  readonly spares?: number;
  readonly most?: number;
}

/** Each sandbox has a disk of its own and is shaped, so that mounts, loop devices and queues are there to be left behind. Without
 * a floor, so that disks can be full. */
export function policyOf(kind: Kind, { spares = 1, most = 12 }: Shape = {}): string {
  return `
sandbox: { spares: ${spares}, most: ${most}, disk: 128m }
deadlines: { drain: 1s }
limits: { diskFloor: 0 }
network: ${kind.network.replace(/ \}$/, ", bandwidth: { up: 20mbit, down: 20mbit } }")}
`;
}

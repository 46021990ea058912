import type { Egress, HostFacts } from "../../firewall/egress.ts";
import type { FencePlan } from "../../firewall/plan.ts";
import { contains, hostAt, numbersOf, overlaps, parseSubnet } from "../../firewall/subnet.ts";
import { BOT_PORTS } from "../../model/bot-ports.ts";

/** How something is tried; what is no network address has none. */
export type Kind = "tcp" | "udp" | "icmp" | "tcp6" | "udp6" | "unix" | "raw" | "packet" | "vsock";

/**
 * What the policy makes of it. `nothing`: nothing comes of it anywhere. `out`: it leaves the machine. `names`: our resolver takes the
 * question. `outpost`: the local listener answers in the world's place.
 */
export type Expected = "nothing" | "out" | "names" | "outpost";

export interface Try {
  readonly kind: Kind;
  /** An address, or a path. */
  readonly address: string;
  /** 0 where the kind has none. */
  readonly port: number;
  /** Completes "TCP port 80 of …". */
  readonly of: string;
  readonly expected: Expected;
}

export interface Surroundings {
  readonly plan: FencePlan;
  readonly egress: Egress;
  /** The other sandbox. */
  readonly neighbour: string;
  /** The machine's links and resolvers. */
  readonly host: Pick<HostFacts, "networks" | "resolvers">;
  /** Ports that the gateway listens on. */
  readonly listens: readonly number[];
}

/** Ranges for documentation (RFC 5737): nobody has an address of them, so whoever is asked there is nobody. */
const NOBODY = ["203.0.113.80", "198.51.100.80", "192.0.2.80"];
const METADATA = { "the cloud's metadata": "169.254.169.254", "Azure's metadata": "168.63.129.16" };
/** Far ends of the private ranges, where hardly anything is. */
const PRIVATE = ["10.254.254.254", "172.31.255.254", "192.168.255.254", "100.127.255.254"];
const ENGINE_SOCKETS = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"];
const MOST_OWN = 4;
const MOST_NETWORKS = 3;
const MOST_OPENED = 8;

/** Everything that is tried, each once. Pure. */
export function triesOf(surroundings: Surroundings): Try[] {
  const { plan, egress } = surroundings;
  const all = [
    ...towardsInternet(egress),
    ...towardsFences(surroundings),
    ...towardsHost(surroundings),
    ...towardsOthers(surroundings),
    ...BY_OTHER_WAYS,
  ].map((untold): Try => ({ ...untold, expected: expectedOf(plan, egress, untold) }));
  return withinRates(egress, unique(all));
}

type Untold = Omit<Try, "expected">;

function towardsInternet({ classes: [{ fences, decisions }] }: Egress): Untold[] {
  const address = NOBODY.find((each) => !fences.some((fence) => overlaps(fence, each)));
  if (address === undefined) return [];
  const of = `the Internet (${address})`;
  const to = (kind: Kind, port: number): Untold => ({ kind, address, port, of });
  // What the policy names comes first, so that a small rate is spent on it.
  const named = decisions.flatMap(({ protocol, ports }) =>
    (protocol === "tcp" || protocol === "udp") && ports?.[0] ? [to(protocol, ports[0][0])] : [],
  );
  const tcp = [80, 443, 22, 25, 6667, 53].map((port) => to("tcp", port));
  const udp = [53, 123].map((port) => to("udp", port));
  return [...named.slice(0, MOST_OPENED), ...tcp, ...udp, to("icmp", 0)];
}

function towardsFences({ host, egress, plan }: Surroundings): Untold[] {
  const web = (address: string, of: string): Untold => ({ kind: "tcp", address, port: 80, of });
  const isTaken = (address: string) => egress.own.includes(address) || contains(plan.subnet, address);
  const udp = (address: string, port: number, of: string): Untold => ({ kind: "udp", address, port, of });
  return [
    ...Object.entries(METADATA).map(([of, address]) => web(address, `${of} (${address})`)),
    ...PRIVATE.filter((address) => !isTaken(address)).map((address) =>
      web(address, `a private network (${address})`),
    ),
    ...host.networks
      .filter((range) => !overlaps(range, plan.subnet.cidr) && Number(range.split("/")[1] ?? 32) <= 29)
      .map((range) => hostAt({ ...parseSubnet("10.0.0.0/8"), ...numbersOf(range) }, -2))
      .filter((address) => !isTaken(address) && ![...egress.resolvers, ...host.resolvers].includes(address))
      .slice(0, MOST_NETWORKS)
      .map((address) => web(address, `this machine's network (${address})`)),
    udp("224.0.0.251", 5353, "a multicast group (224.0.0.251)"),
    udp("255.255.255.255", 67, "everybody on the link (255.255.255.255)"),
    udp(hostAt(plan.subnet, -1), 137, "everybody in the sandboxes' network"),
  ];
}

function towardsHost({ plan, egress, listens }: Surroundings): Untold[] {
  const bridge = `this machine's bridge (${plan.gateway})`;
  const at = (address: string, of: string, ports: readonly number[]): Untold[] =>
    ports.map((port) => ({ kind: "tcp", address, port, of }));
  return [
    ...at(plan.gateway, bridge, [22, 2375, ...listens]),
    { kind: "udp", address: plan.gateway, port: 53, of: bridge },
    { kind: "icmp", address: plan.gateway, port: 0, of: bridge },
    ...egress.own
      .slice(0, MOST_OWN)
      .flatMap((address) => at(address, `this machine (${address})`, [22, ...listens])),
  ];
}

function towardsOthers({ plan: { outpost }, neighbour }: Surroundings): Untold[] {
  const beside = `the other sandbox (${neighbour})`;
  return [
    { kind: "tcp", address: neighbour, port: 22, of: beside },
    { kind: "udp", address: neighbour, port: 9, of: beside },
    { kind: "icmp", address: neighbour, port: 0, of: beside },
    { kind: "tcp", address: outpost.address, port: 4000, of: `the outpost (${outpost.address})` },
    { kind: "tcp", address: outpost.host, port: 22, of: `this machine's end of its cable (${outpost.host})` },
  ];
}

const BY_OTHER_WAYS: readonly Untold[] = [
  { kind: "tcp6", address: "2001:db8::50", port: 80, of: "the Internet (2001:db8::50)" },
  { kind: "tcp6", address: "fd00:ec2::254", port: 80, of: "the cloud's metadata (fd00:ec2::254)" },
  { kind: "udp6", address: "ff02::1", port: 9, of: "everybody on the link (ff02::1)" },
  { kind: "udp6", address: "ff02::2", port: 9, of: "every router on the link (ff02::2)" },
  { kind: "raw", address: "-", port: 0, of: "a socket for forged IP packets" },
  { kind: "packet", address: "-", port: 0, of: "a socket for forged frames" },
  { kind: "vsock", address: "-", port: 0, of: "a socket to the hypervisor (AF_VSOCK)" },
  ...ENGINE_SOCKETS.map((path): Untold => ({
    kind: "unix",
    address: path,
    port: 0,
    of: `the engine's ${path}`,
  })),
];

/** As the documentation has it, and apart from how the rules are made, so that the two can disagree. No profile is for who tries. */
export function expectedOf(plan: FencePlan, egress: Egress, { kind, address, port }: Untold): Expected {
  const [own] = egress.classes;
  if (kind !== "tcp" && kind !== "udp" && kind !== "icmp") return "nothing";
  const isHost = address === plan.gateway || egress.own.includes(address);
  if (contains(plan.subnet, address) && address !== plan.gateway) return "nothing";
  if (port === 53 && own.names !== "none" && !overlaps("224.0.0.0/3", address)) return "names";
  if (isHost) return "nothing";
  const isWithin = (ranges: readonly string[]) => ranges.some((range) => overlaps(range, address));
  if (overlaps("224.0.0.0/3", address)) return "nothing";
  if (isWithin(own.fences) && !isWithin(own.openings)) return "nothing";
  const isBots = kind === "tcp" && isIn(BOT_PORTS, port);
  const decision = own.decisions.find(
    ({ protocol, ports }) =>
      (protocol === kind || protocol === "any") && (ports === undefined || isIn(ports, port)),
  );
  switch (decision?.mode ?? "deny") {
    case "sinkhole":
      return "outpost";
    case "limited":
      return isBots ? "nothing" : "out";
    case "deny":
      return "nothing";
  }
}

function isIn(ranges: readonly (readonly [number, number])[], port: number): boolean {
  return ranges.some(([from, to]) => from <= port && port <= to);
}

function unique(tries: readonly Try[]): Try[] {
  const key = ({ kind, address, port }: Try) => `${kind} ${address} ${port}`;
  return [...new Map(tries.toReversed().map((each) => [key(each), each])).values()].toReversed();
}

/** No more than the policy's rates let through at once: a SYN that nobody answers is sent a second time, and counts again. */
function withinRates({ classes: [{ rates, connections, dnsRate }] }: Egress, tries: readonly Try[]): Try[] {
  const left: Record<string, number> = {
    "out tcp": Math.max(1, Math.min(Math.floor(rates.tcp.count / 2), connections)),
    "out udp": Math.min(rates.udp.count, connections),
    "out icmp": rates.icmp.count,
    names: Math.max(1, Math.floor(dnsRate.count / 2)),
  };
  return tries.filter(({ expected, kind }) => {
    const key = expected === "out" ? `out ${kind}` : expected;
    const count = left[key];
    if (count === undefined) return true;
    left[key] = count - 1;
    return count > 0;
  });
}

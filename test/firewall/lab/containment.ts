/**
 * Tries everything from a sandbox, with the fence whole and with one layer of it after the other taken away. Run by
 * containment.test.ts in namespaces of its own; prints what was seen as JSON.
 */
import { rmSync } from "node:fs";
import { raiseFence, reapFence } from "../../../gateway/firewall/fence.ts";
import { fencePlan } from "../../../gateway/firewall/plan.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import {
  addSandbox,
  BRIDGE,
  HOST,
  HOST6,
  inside,
  labFile,
  layHost,
  macOf,
  ROUTED,
  run,
  setting,
  SLOT,
  Talker,
  WORLD,
  WORLD6,
  NETWORK,
} from "./network.ts";

export interface Seen {
  readonly state: string;
  /** Names of tries that arrived there. */
  readonly world: readonly string[];
  readonly neighbour: readonly string[];
  readonly host: readonly string[];
  /** Names of tries that the sandbox got an answer to. */
  readonly answered: readonly string[];
  /** What the periodic look said before the tries. */
  readonly faults: readonly string[];
  /** Whether the host's own SSH to the sandbox still got through. */
  readonly ssh: boolean;
  /** Names of the outsider's tries that reached the sandbox. */
  readonly inward: readonly string[];
}

export interface ContainmentReport {
  readonly tries: readonly string[];
  readonly seen: readonly Seen[];
  readonly left: { readonly before: string; readonly after: string };
}

const SUBNET = parseSubnet("10.213.0.0/20");
const ONE = "10.213.0.2";
const TWO = "10.213.0.3";
const plan = fencePlan(SLOT, SUBNET);

/** What takes the rules away, of each engine: those of the slot, then everybody's. */
const LOST = {
  nft: [
    [
      "our nftables tables deleted",
      `nft delete table inet ${plan.table}; nft delete table bridge ${plan.table}`,
    ],
    [
      "nft flush ruleset, iptables -F, conntrack -F",
      "nft flush ruleset; iptables -F; iptables -t nat -F; conntrack -F 2>/dev/null",
    ],
  ],
  iptables: [
    ["iptables -F, which is the table filter alone", "iptables -F; ip6tables -F"],
    [
      "iptables -F and -X in every table, ipset flush, conntrack -F",
      `for program in iptables ip6tables; do
         for table in mangle nat filter; do $program -t $table -F; $program -t $table -X; done
       done
       ipset flush; conntrack -F 2>/dev/null`,
    ],
  ],
} as const;

/** How the kernel is brought from whole to broken. */
const STATES: readonly (readonly [name: string, breakIt: string])[] = [
  ["whole, and the process that raised it killed", ""],
  ...LOST[NETWORK.engine === "iptables" ? "iptables" : "nft"],
  ["the bridge's classifier deleted", `tc qdisc del dev ${BRIDGE} ingress`],
  [
    "the policy routing deleted",
    `ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; ip -6 rule flush; ip -6 rule add pref 32766 lookup main`,
  ],
  [
    "the bridge's settings undone",
    `echo 0 >/sys/class/net/port-one/brport/isolated; echo 0 >/sys/class/net/port-two/brport/isolated
     ip link set ${BRIDGE} type bridge nf_call_iptables 0 nf_call_ip6tables 0
     for a in /proc/sys/net/bridge/bridge-nf-call-*; do echo 0 >$a; done
     for a in forwarding accept_redirects; do echo 1 >/proc/sys/net/ipv4/conf/${BRIDGE}/$a; done
     echo 0 >/proc/sys/net/ipv4/conf/${BRIDGE}/arp_ignore`,
  ],
];
/** For what has to be reached, however busy the machine; seconds. */
const ENOUGH = 30;
const NO_FENCE = "no fence at all (shows that the tries can be seen)";

layHost();
const before = await kernelState();
// Raised by a process that is then killed: what stands afterwards needs nobody.
const maker = await Talker.start(undefined, [process.execPath, labFile("raise.ts"), SUBNET.cidr]);
addSandbox("one", ONE, plan.gateway);
addSandbox("two", TWO, plan.gateway);
run(`ip netns exec two sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'`);
const sshd = await Talker.start("one", [process.execPath, labFile("peer-address.ts"), "22", "2222"]);
await maker.kill();

// From here on the handle's own repair is what puts things right again.
const fence = await raiseFence({ slot: SLOT, subnet: SUBNET, network: NETWORK });
fence.isolate();
const watchers = await Promise.all([
  Talker.start("world", ["python3", labFile("watch.py"), "frames", "eth0"]),
  Talker.start("two", ["python3", labFile("watch.py"), "frames", "eth0"]),
  Talker.start(undefined, ["python3", labFile("watch.py"), "delivered"]),
  Talker.start("one", ["python3", labFile("watch.py"), "frames", "eth0"]),
]);

const seen: Seen[] = [];
let tries: string[] = [];
for (const [name, breakIt] of STATES) {
  if (breakIt !== "") run(breakIt);
  seen.push(await tryEverything(name));
  await fence.repair();
}
await takeAway();
seen.push(await tryEverything(NO_FENCE));
sshd.end();
for (const watcher of watchers) watcher.end();
run("ip link del port-one; ip link del port-two; ip netns del one; ip netns del two");
await fence.repair();
await fence.sources[Symbol.asyncDispose]();
await reapFence(SLOT);
const report: ContainmentReport = { tries, seen, left: { before, after: await kernelState() } };
process.stdout.write(JSON.stringify(report));

/** The same bridge without any of ours. */
async function takeAway(): Promise<void> {
  run(`
    nft flush ruleset; ipset flush
    tc qdisc del dev ${BRIDGE} ingress
    ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; ip -6 rule flush; ip -6 rule add pref 32766 lookup main
    echo 0 >/sys/class/net/port-one/brport/isolated; echo 0 >/sys/class/net/port-two/brport/isolated
  `);
  for (const [key, value] of [
    ["forwarding", "1"],
    ["rp_filter", "0"],
    ["arp_ignore", "0"],
    ["accept_source_route", "1"],
  ])
    setting(`/proc/sys/net/ipv4/conf/${BRIDGE}/${key ?? ""}`, value ?? "");
  setting(`/proc/sys/net/ipv6/conf/${BRIDGE}/disable_ipv6`, "0");
  // Duplicate address detection; until then the bridge has no link-local address.
  await new Promise((resolve) => setTimeout(resolve, 2000));
}

async function tryEverything(state: string): Promise<Seen> {
  const faults = await fence.check();
  const names = JSON.parse(
    await inside("one", ["python3", labFile("frames.py"), JSON.stringify(outward())]),
  ) as string[];
  tries = names;
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [world, neighbour, host, answered] = await Promise.all(
    watchers.map(async (watcher) => {
      const counts = JSON.parse(await watcher.ask("seen?")) as Record<string, number>;
      return Object.keys(counts).map((number) => names[Number(number)] ?? `try ${number}`);
    }),
  );
  return {
    state,
    faults,
    world: world ?? [],
    neighbour: neighbour ?? [],
    host: host ?? [],
    answered: answered ?? [],
    ssh: await reaches(undefined, ONE, 22, ENOUGH),
    inward: await tryInward(state === NO_FENCE ? ENOUGH : 0.7),
  };
}

function outward(): Record<string, string> {
  return {
    interface: "eth0",
    own_mac: macOf("one", "eth0"),
    bridge_mac: macOf(undefined, BRIDGE),
    neighbour_mac: macOf("two", "eth0"),
    own: ONE,
    gateway: plan.gateway,
    neighbour: TWO,
    unused: "10.213.0.9",
    subnet_broadcast: "10.213.15.255",
    host: HOST,
    world: WORLD,
    routed: ROUTED,
    host6: HOST6,
    world6: WORLD6,
  };
}

/** An outsider who routes the sandboxes' subnet to the host, and the host's own programs. */
async function tryInward(within: number): Promise<string[]> {
  const tried = [
    ["outsider to the sandbox's SSH", "world", ONE, 22],
    ["outsider to another port of the sandbox", "world", ONE, 2222],
    ["neighbour to the sandbox's SSH", "two", ONE, 22],
    ["host's root to another port of the sandbox", undefined, ONE, 2222],
  ] as const;
  const reached = await Promise.all(
    tried.map(async ([name, from, to, port]) => ((await reaches(from, to, port, within)) ? [name] : [])),
  );
  return reached.flat();
}

/** @param within seconds; what is held back is silent for all of them. */
async function reaches(from: string | undefined, to: string, port: number, within: number): Promise<boolean> {
  const script = `exec 3<>/dev/tcp/${to}/${port} && read -r line <&3 && echo yes`;
  const tried = await inside(from, ["sh", "-c", `timeout ${within} bash -c '${script}' 2>/dev/null || true`]);
  return tried.trim() === "yes";
}

async function kernelState(): Promise<string> {
  const parts = [
    // iptables' own tables stay when there is no rule left in them.
    ...(NETWORK.engine === "iptables"
      ? ["nft list ruleset | grep mitsubako", "iptables-save | grep ^-A", "ip6tables-save | grep ^-A"]
      : ["nft list ruleset"]),
    "ipset list -n",
    "ip rule",
    "ip -6 rule",
    "ip -br link | cut -d' ' -f1 | sort",
    "tc qdisc | grep -v ' dev lo '",
  ];
  const printed = parts.map((part) => `$ ${part}\n${run(`${part} || true`)}`).join("");
  rmSync("/run/xtables.lock", { force: true });
  return Promise.resolve(printed);
}

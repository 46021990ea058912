/**
 * What the ways out let through and what they stop, seen from both ends. Run by egress.test.ts in namespaces of its own; prints
 * what was seen as JSON. The world has the Internet's address, and every fenced address that is tried: a leak ends there.
 */
import { raiseFence, reapFence, type Fence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { policySchema, type Policy } from "../../../gateway/model/policy.ts";
import {
  addSandbox,
  HOST,
  inside,
  labFile,
  layHost,
  ROUTED,
  run,
  SLOT,
  Talker,
  WORLD,
  macOf,
  NETWORK,
} from "./network.ts";

export interface Try {
  readonly to: string;
  readonly port: number;
  readonly udp?: true;
  readonly down?: number;
  readonly up?: number;
  readonly hold?: true;
  /** Seconds for the connection. */
  readonly wait?: number;
  /** Seconds before it is tried. */
  readonly pause?: number;
}
export interface Went {
  readonly outcome: string;
  readonly bytes?: number;
}
export interface End {
  readonly port: number;
  readonly from: string;
  readonly asked: string;
  readonly outcome?: string;
  readonly bytes?: number;
  readonly rest?: string;
}
export type Report = Record<
  string,
  { readonly went: readonly Went[]; readonly ends: readonly End[]; readonly more?: unknown }
>;

/** Fenced addresses that the world holds: whoever reaches one has leaked. */
export const FENCED = [
  "10.99.0.1",
  "100.64.0.1",
  "169.254.169.254",
  "172.16.5.5",
  "192.168.7.7",
  "198.18.0.1",
  "168.63.129.16",
  "100.100.100.200",
];
/** What drives netfilter in all of this. */
const ENGINE = NETWORK.engine === "iptables" ? "iptables" : "nft";
/** What takes away all of the engine's rules and counts at once. */
const LOSE_ALL = {
  nft: "nft flush ruleset",
  iptables: `
    for program in iptables ip6tables; do
      for table in mangle nat filter; do $program -t $table -F; $program -t $table -X; done
    done
    ipset flush`,
}[ENGINE];
const SUBNET = parseSubnet("10.213.0.0/20");
const ONE = "10.213.0.10";
const TWO = "10.213.0.11";
const OUTPOST = "10.213.15.254";
const MEBIBYTE = 2 ** 20;

layHost();
run(
  FENCED.map(
    (address) => `ip -n world address add ${address}/32 dev lo; ip route add ${address} via ${WORLD}`,
  ).join("\n"),
);

const report: Record<string, Report[string]> = {};

/** Fresh sandboxes under a policy; what `tries` came to. */
async function scene(
  name: string,
  network: object,
  tries: readonly Try[],
  meanwhile?: (fence: Fence) => Promise<unknown>,
): Promise<void> {
  const fence = await raiseFence({ slot: SLOT, subnet: SUBNET, network: parse(network) });
  await fence.admit(ONE);
  await fence.admit(TWO);
  addSandbox("one", ONE, fence.plan.gateway);
  addSandbox("two", TWO, fence.plan.gateway);
  layOutpost(fence.egress.isOpen);
  fence.isolate();
  for (const [name, address] of [
    ["one", ONE],
    ["two", TWO],
  ] as const)
    await fence.letOut({ address, port: `port-${name}`, mac: macOf(name, "eth0") });
  const world = await Talker.start("world", [
    "/usr/bin/python3",
    labFile("peer.py"),
    "serve",
    ROUTED,
    ...PORTS,
  ]);
  const outpost = fence.egress.isOpen
    ? await Talker.start("outpost", [
        "/usr/bin/python3",
        labFile("peer.py"),
        "serve",
        "0.0.0.0",
        "53",
        "4053",
        "4000",
        "4025",
      ])
    : undefined;
  const running = inside("one", ["/usr/bin/python3", labFile("peer.py"), "try", JSON.stringify(tries)]);
  const more = await meanwhile?.(fence);
  const went = JSON.parse(await running) as Went[];
  await new Promise((resolve) => setTimeout(resolve, 300));
  const ends = [
    ...(JSON.parse(await world.ask("?")) as End[]),
    ...(outpost ? (JSON.parse(await outpost.ask("?")) as End[]) : []),
  ];
  const faults = await fence.check();
  const caps = await fence.caps();
  report[name] = {
    went,
    ends,
    more: { ...(typeof more === "object" ? more : { value: more }), faults, caps },
  };
  world.end();
  outpost?.end();
  run(
    "for port in port-one port-two mbo13; do ip link del $port 2>/dev/null || true; done; ip netns del one; ip netns del two; ip netns del outpost 2>/dev/null || true",
  );
  await fence.dismiss(ONE);
  await fence.dismiss(TWO);
  await fence.sources[Symbol.asyncDispose]();
  await reapFence(SLOT);
}

const PORTS = ["22", "25", "53", "80", "443", "6667", "8080"];

function layOutpost(isOpen: boolean): void {
  if (!isOpen) return;
  run(`
    ip netns add outpost
    ip link add mbo${SLOT} type veth peer name world0 netns outpost
    ip address add 10.213.15.253/30 dev mbo${SLOT}
    echo 1 >/proc/sys/net/ipv4/conf/mbo${SLOT}/forwarding
    ip link set mbo${SLOT} up
    ip -n outpost link set lo up
    ip -n outpost address add ${OUTPOST}/30 dev world0
    ip -n outpost link set world0 up
    ip -n outpost route add default via 10.213.15.253
  `);
}

const tcp = (port: number, to = ROUTED): Try => ({ to, port });
const udp = (port: number, to = ROUTED): Try => ({ to, port, udp: true });
const everywhere = [
  ...FENCED.map((address) => tcp(80, address)),
  tcp(80, HOST),
  tcp(80, WORLD),
  tcp(80, "10.213.0.1"),
  tcp(22, "10.213.0.1"),
  tcp(80, TWO),
  tcp(22, TWO),
  tcp(80, OUTPOST),
];
const bots = [tcp(22), tcp(25), tcp(6667)];

await scene("deny", {}, [tcp(80), tcp(443), udp(53), ...bots, ...everywhere]);
await scene("limited", { egress: "limited", rates: { tcp: "100/hour", udp: "100/hour" } }, [
  tcp(80),
  udp(8080),
  tcp(8080),
  ...bots,
  ...everywhere,
]);
await scene(
  "an opened fence",
  {
    egress: "limited",
    rates: { tcp: "100/hour" },
    openFences: ["192.168.7.0/24", "10.0.0.0/8", "192.0.2.0/24"],
  },
  [
    tcp(80, "192.168.7.7"),
    tcp(80, "10.99.0.1"),
    tcp(80, "172.16.5.5"),
    tcp(80, HOST),
    tcp(80, TWO),
    tcp(80, "10.213.0.1"),
  ],
);
await scene(
  "by port",
  {
    egress: "deny",
    ports: [
      { ports: 80, egress: "limited" },
      { ports: "25,443", egress: "sinkhole" },
      { protocol: "udp", ports: 8080, egress: "limited" },
    ],
  },
  [
    { ...tcp(80), down: 5 },
    { ...tcp(443), down: 5 },
    { ...tcp(25), down: 5 },
    tcp(8080),
    udp(8080),
    udp(443),
    tcp(22),
  ],
);
await scene("sinkhole", { egress: "sinkhole" }, [
  { ...tcp(80), down: 5 },
  { ...tcp(6667), down: 5 },
  { ...tcp(25), down: 5 },
  udp(53),
  udp(8080),
  ...everywhere,
]);
await scene(
  "dns",
  { egress: "dns", dns: { resolvers: [ROUTED] } },
  [udp(53), udp(53, "10.213.0.1"), tcp(80), udp(8080)],
  async () => {
    const asked = async (to: string, port: number) =>
      (
        JSON.parse(
          await inside("outpost", [
            "/usr/bin/python3",
            labFile("peer.py"),
            "try",
            JSON.stringify([
              { to, port, udp: true },
              { to, port },
            ]),
          ]),
        ) as Went[]
      ).map(({ outcome }) => outcome);
    return {
      resolver: await asked(ROUTED, 53),
      resolverElsewhere: await asked(WORLD, 53),
      otherPort: await asked(ROUTED, 80),
      host: await asked("10.213.15.253", 22),
    };
  },
);
await scene(
  "twenty an hour",
  { egress: "limited", connections: 100 },
  Array.from({ length: 40 }, () => ({ ...tcp(80), wait: 0.05 })),
);
await scene(
  "five at once",
  { egress: "limited", connections: 5, rates: { tcp: "100/hour" } },
  Array.from({ length: 10 }, () => ({ ...tcp(80), hold: true as const, wait: 0.3 })),
);
await scene("cap down", { egress: "limited", caps: { up: "1 MiB", down: "4 MiB" } }, [
  { ...tcp(80), down: 8 * MEBIBYTE },
  tcp(8080),
  { ...tcp(80), down: 1 },
]);
await scene("cap up", { egress: "limited", caps: { up: "4 MiB", down: "1 MiB" } }, [
  { ...tcp(80), up: 8 * MEBIBYTE },
  tcp(8080),
]);
await scene(
  "rules lost in mid-download",
  { egress: "limited", caps: { down: "1 GiB", up: "1 GiB" }, bandwidth: { down: "200mbit" } },
  [{ ...tcp(80), down: 150 * MEBIBYTE }],
  async (fence) => {
    await sleep(600);
    run(`${LOSE_ALL}; conntrack -L >/dev/null 2>&1 || true`);
    const during = await worldBytes();
    await sleep(700);
    const after = await worldBytes();
    const faults = await fence.check();
    await fence.repair();
    const caps = await fence.caps();
    return {
      grew: after - during,
      noticed: faults.length,
      left: caps.map(({ limit, used, address }) => ({ address, left: Math.max(0, limit - used) })),
    };
  },
);
await scene(
  "shut while it runs",
  { egress: "limited", caps: { down: "1 GiB", up: "1 GiB" }, bandwidth: { down: "200mbit" } },
  [{ ...tcp(80), down: 150 * MEBIBYTE }],
  async (fence) => {
    await sleep(600);
    await fence.change(parse({}));
    const during = await worldBytes();
    await sleep(700);
    const after = await worldBytes();
    return { grew: after - during, changed: await fence.check() };
  },
);
await scene(
  "rules that cannot be replaced",
  { egress: "limited", caps: { down: "1 GiB", up: "1 GiB" }, bandwidth: { down: "200mbit" } },
  [{ ...tcp(80), down: 150 * MEBIBYTE }],
  async (fence) => {
    const program = run(`readlink -f $(which ${ENGINE === "nft" ? "nft" : "ipset"})`).trim();
    await sleep(600);
    run(`mount --bind /bin/false ${program}`);
    const refused = await fence
      .change(parse({ egress: "limited", ports: [{ ports: 80, egress: "deny" }] }))
      .then(
        () => "changed",
        (error: unknown) => (error as { code: string }).code,
      );
    const during = await worldBytes();
    await sleep(700);
    const after = await worldBytes();
    run(`umount ${program}`);
    const noticed = (await fence.check()).length;
    await fence.repair();
    return { refused, grew: after - during, noticed };
  },
);
await scene(
  "a tighter cap while it runs",
  { egress: "limited", caps: { down: "1 GiB", up: "1 GiB" }, bandwidth: { down: "200mbit" } },
  [{ ...tcp(80), down: 150 * MEBIBYTE }],
  async (fence) => {
    await sleep(500);
    const began = performance.now();
    await fence.change(parse({ egress: "limited", caps: { down: "1 MiB" } }));
    return { took: performance.now() - began };
  },
);
await scene(
  "one that is shut while it runs",
  { egress: "limited", caps: { down: "1 GiB", up: "1 GiB" }, bandwidth: { down: "200mbit" } },
  [
    { ...tcp(80), down: 150 * MEBIBYTE },
    { ...tcp(80), pause: 1 },
  ],
  async (fence) => {
    await sleep(500);
    await fence.assign(ONE, () => parse({ egress: "deny" }));
    return {};
  },
);
await scene(
  "a new hour",
  { egress: "limited", caps: { down: "1 MiB", per: "hour" } },
  [
    { ...tcp(80), down: 2 * MEBIBYTE },
    { ...tcp(80), pause: 8 },
  ],
  async (fence) => {
    const spent = async () => (await fence.caps()).filter((cap) => cap.spent).length;
    for (let looks = 0; looks < 60 && (await spent()) === 0; looks++) await sleep(100);
    const before = await spent();
    await fence.renewCaps();
    return { before };
  },
);
const left = run(
  "nft list ruleset | grep -c mitsubako || true; ipset list -n; ip rule | grep -c mbk || true; ip -br link | grep -cE 'mbk|mbo' || true",
).trim();
process.stdout.write(JSON.stringify({ report, left, cost: await cost() }));

function parse(network: object): Policy["network"] {
  return policySchema.parse({ network: { engine: ENGINE, ...network } }).network;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Bytes that went out of the world's interface. */
function worldBytes(): Promise<number> {
  return Promise.resolve(Number(run("ip netns exec world cat /sys/class/net/eth0/statistics/tx_bytes")));
}

/** Milliseconds for a sandbox's rules, made, let out and taken away, with a hundred others there. */
async function cost(): Promise<{
  readonly admit: number;
  readonly dismiss: number;
  readonly check: number;
}> {
  const fence = await raiseFence({
    slot: SLOT,
    subnet: SUBNET,
    network: parse({ egress: "limited" }),
  });
  const addresses = Array.from({ length: 100 }, (_, index) => `10.213.1.${index}`);
  const timed = async (work: (address: string) => Promise<void>) => {
    const began = performance.now();
    for (const address of addresses) await work(address);
    return (performance.now() - began) / addresses.length;
  };
  const admit = await timed((address) => fence.admit(address));
  const began = performance.now();
  await fence.check();
  const check = performance.now() - began;
  const dismiss = await timed((address) => fence.dismiss(address));
  await fence.sources[Symbol.asyncDispose]();
  await reapFence(SLOT);
  return { admit, dismiss, check };
}

/**
 * Sandboxes of one machine that each have a profile of their own, seen from inside and from where they get to. Run by
 * profiles.test.ts in namespaces of its own; prints what was seen as JSON.
 */
import { raiseFence, reapFence, type Fence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { policySchema, type Policy } from "../../../gateway/model/policy.ts";
import type { Went } from "./egress.ts";
import {
  addSandbox,
  inside,
  labFile,
  layHost,
  macOf,
  NETWORK,
  ROUTED,
  run,
  SLOT,
  Talker,
  WORLD,
} from "./network.ts";

type Network = Policy["network"];
/** `stray`: its profile is none of those that the fence was told of. */
export const NAMES = ["web", "shut", "open", "sink", "plain", "stray"] as const;
export type Name = (typeof NAMES)[number];

export interface ProfilesReport {
  readonly asRaised: Record<Name, readonly Went[]>;
  /** `web` and `shut` have changed places. */
  readonly changed: Record<Name, readonly Went[]>;
  /** From inside, of what the world and the outpost hold: who came, by port. */
  readonly arrivals: { readonly world: readonly Came[]; readonly outpost: readonly Came[] };
  readonly caps: Readonly<Record<Name, { readonly down: number | undefined; readonly isSpent: boolean }>>;
  /** While rules could not be put in force, and when other ones were. */
  readonly refused: { readonly code: string; readonly went: Record<Name, readonly Went[]> };
  readonly mended: Record<Name, readonly Went[]>;
  /** Routing rules that let marked packets through, before and after a change of which no rules can be made. */
  readonly routed: { readonly before: number; readonly after: number };
  /** After another process has raised the fence, and put right what it found. */
  readonly afterRestart: Record<Name, readonly Went[]>;
  readonly foreign: number;
  readonly faults: Readonly<Record<string, readonly string[]>>;
  readonly refusedAtStart: { readonly code: string; readonly bridges: string };
  readonly left: string;
}
export interface Came {
  readonly port: number;
  readonly from: string;
}

const ENGINE = NETWORK.engine === "iptables" ? "iptables" : "nft";
const SUBNET = parseSubnet("10.213.0.0/20");
const OUTPOST = "10.213.15.254";
const MEBIBYTE = 2 ** 20;
const ADDRESSES: Record<Name, string> = {
  web: "10.213.0.10",
  shut: "10.213.0.11",
  open: "10.213.0.12",
  sink: "10.213.0.13",
  plain: "10.213.0.14",
  stray: "10.213.0.15",
};
const network = (own: object): Network => policySchema.parse({ network: { engine: ENGINE, ...own } }).network;

/** What the policy itself says: names, and no connection. */
const BASE = network({ egress: "dns", dns: { resolvers: [ROUTED] } });
const WEB = network({ ports: [{ ports: 80, egress: "limited" }], caps: { down: "5 MiB", up: "5 MiB" } });
const SHUT = network({});
const OPEN = network({ egress: "limited", rates: { tcp: "4/hour" }, caps: { down: "1 GiB", up: "1 GiB" } });
const OPENER = network({ egress: "limited", rates: { tcp: "6/hour" } });
const SINK = network({ egress: "sinkhole" });
const STRAY = network({ egress: "limited", connections: 7 });
const PROFILES = [WEB, SHUT, OPEN, SINK];
/** What nobody's schema lets through: the kernel refuses it. */
const REFUSED: Network = { ...OPEN, fences: ["1.2.3.4/99"] };

const holds: Record<Name, Network> = {
  web: WEB,
  shut: SHUT,
  open: OPEN,
  sink: SINK,
  plain: BASE,
  stray: STRAY,
};
const peer = ["/usr/bin/python3", labFile("peer.py")];
const faults: Record<string, readonly string[]> = {};
const web = (port: number) => ({ to: ROUTED, port });
const TRIES = [web(80), web(443), { to: ROUTED, port: 53, udp: true }, web(53), { to: WORLD, port: 80 }];
/** Which of their tries get somewhere, by their places. Those may take their time; the others wait in vain. */
const REACH = { web: [0, 2, 3], sink: [0, 1, 2, 3], plain: [2, 3], open: [0, 1, 2, 3] };
const triesOf = (name: Name) => (name === "open" ? Array.from({ length: 6 }, () => web(80)) : TRIES);

layHost();
const fence = await raiseFence({ slot: SLOT, subnet: SUBNET, network: BASE, profiles: PROFILES });
for (const name of NAMES) await fence.admit(ADDRESSES[name]);
for (const name of NAMES) addSandbox(name, ADDRESSES[name], fence.plan.gateway);
layOutpost();
fence.isolate();
for (const name of NAMES) {
  await fence.letOut({ address: ADDRESSES[name], port: `port-${name}`, mac: macOf(name, "eth0") });
  if (name !== "plain") await fence.assign(ADDRESSES[name], () => holds[name]);
}
const world = await Talker.start("world", [...peer, "serve", ROUTED, "80", "443", "53"]);
const outpost = await Talker.start("outpost", [...peer, "serve", "0.0.0.0", "53", "4053", "4000"]);

const asRaised = await everywhere(triesOf, REACH);
const arrivals = { world: await came(world), outpost: await came(outpost) };
faults["as raised"] = await fence.check();

await everywhere((name) => (name === "web" ? [{ ...web(80), down: 8 * MEBIBYTE }] : []), {
  web: [0],
});
const read = await fence.caps();
const capOf = (name: Name) => read.filter(({ address }) => address === ADDRESSES[name]);
const caps = byName((name) => ({
  down: capOf(name).find(({ direction }) => direction === "down")?.limit,
  isSpent: capOf(name).some(({ spent }) => spent),
}));

[holds.web, holds.shut, holds.open] = [SHUT, WEB, OPENER];
await fence.change(BASE, [SHUT, WEB, SINK, OPENER]);
const changed = await everywhere(triesOf, { ...REACH, web: [], shut: REACH.web, open: [0, 1, 2, 3, 4, 5] });
faults["changed"] = await fence.check();

const code = await codeOf(fence.change(BASE, [SHUT, WEB, SINK, REFUSED]));
const refused = { code, went: await everywhere(triesOf) };
holds.shut = network({ ports: [{ ports: 443, egress: "limited" }] });
await fence.change(BASE, [SHUT, holds.shut, SINK]);
const mended = await everywhere(triesOf, { ...REACH, web: [], shut: [1, 2, 3], open: [] });
faults["mended"] = await fence.check();

const routes = () => Number(run("ip rule | grep -c fwmark || true"));
const before = routes();
await codeOf(fence.change(BASE, [undefined as unknown as Network]));
const routed = { before, after: routes() };

await fence.sources[Symbol.asyncDispose]();
const next = await raiseFence({ slot: SLOT, subnet: SUBNET, network: BASE, profiles: PROFILES });
const foreign = (await next.check()).filter((each) => each.includes("no sandbox has that address")).length;
await next.repair();
const afterRestart = await everywhere(triesOf);
faults["after a restart"] = await next.check();
await end(next);

const refusedAtStart = {
  code: await codeOf(raiseFence({ slot: SLOT, subnet: SUBNET, network: BASE, profiles: [REFUSED] })),
  bridges: run(`ip -br link show type bridge`).trim(),
};
await reapFence(SLOT);
const report: ProfilesReport = {
  ...{
    asRaised,
    changed,
    arrivals,
    caps,
    refused,
    mended,
    routed,
    afterRestart,
    foreign,
    faults,
    refusedAtStart,
  },
  left: run(
    "nft list ruleset | grep -c mitsubako || true; ipset list -n; ip rule | grep -c mbk || true",
  ).trim(),
};
process.stdout.write(JSON.stringify(report));

/** What all of them come to, at the same time. */
async function everywhere(
  tries: (name: Name) => readonly object[],
  reach: Partial<Record<Name, readonly number[]>> = {},
): Promise<Record<Name, Went[]>> {
  const went = await Promise.all(
    NAMES.map(async (name) => {
      const waitOf = (index: number) => (reach[name]?.includes(index) === true ? 30 : 2);
      const wanted = tries(name).map((each, index) => ({ wait: waitOf(index), ...each }));
      return JSON.parse(await inside(name, [...peer, "try", JSON.stringify(wanted)])) as Went[];
    }),
  );
  return byName((name) => went[NAMES.indexOf(name)] ?? []);
}

function byName<T>(of: (name: Name) => T): Record<Name, T> {
  return Object.fromEntries(NAMES.map((name) => [name, of(name)])) as Record<Name, T>;
}

async function came(talker: Talker): Promise<Came[]> {
  const ends = JSON.parse(await talker.ask("?")) as Came[];
  return ends.map(({ port, from }) => ({ port, from }));
}

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error: unknown) => String((error as { code?: string }).code),
  );
}

async function end(raised: Fence): Promise<void> {
  world.end();
  outpost.end();
  run(`ip link del mbo${SLOT}; ip netns del outpost`);
  for (const name of NAMES) run(`ip link del port-${name}; ip netns del ${name}`);
  await raised.sources[Symbol.asyncDispose]();
  await reapFence(SLOT);
}

function layOutpost(): void {
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

/**
 * Two sandboxes on a bridge without a fence, a world behind it: how fast packets get through an armed port, and which
 * ones do. Run by shaper.test.ts; prints what was measured as JSON.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DROP, assemble } from "../../../gateway/firewall/bpf.ts";
import { fencePlan } from "../../../gateway/firewall/plan.ts";
import { portOf } from "../../../gateway/firewall/port.ts";
import {
  armPort,
  disarmPort,
  reapShaper,
  shaperFaults,
  shaperRemains,
} from "../../../gateway/firewall/shaper.ts";
import type { Bandwidth, PortPlan } from "../../../gateway/firewall/shaping.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { layBareBridge } from "./bare-bridge.ts";
import { addSandbox, BRIDGE, layHost, macOf, run, SLOT, Talker } from "./network.ts";
import { Roads, type Way } from "./roads.ts";
import { Tries, type Arrived } from "./tries.ts";

export interface ShaperReport {
  readonly lies: { readonly disarmed: Arrived; readonly armed: Arrived };
  /** Packets that netfilter saw while the bridge's classifier dropped everything. */
  readonly seenByNetfilter: Readonly<Record<string, number>>;
  readonly rates: readonly { readonly way: Way; readonly asked: number; readonly measured: number }[];
  /** Bits a second of the gateway's SSH while the rest fills its megabit. */
  readonly exempt: Readonly<Record<Way, number>>;
  /** Bits a second of the SSH leg, asked to be four megabits, while nothing else is shaped. */
  readonly ownClass: Readonly<Record<Way, number>>;
  /** Bits a second of a connection that began at ten megabits and was brought to two. */
  readonly changed: number;
  readonly faults: readonly {
    readonly broken: string;
    readonly found: string[];
    readonly repaired: string[];
  }[];
  /** What answered while the sandbox's device was gone. */
  readonly withoutDevice: { readonly service: boolean; readonly ssh: boolean };
  /** What `portOf` says of a process in the sandbox, and of one in none. */
  readonly ports: readonly string[];
  readonly left: Readonly<Record<"armed" | "disarmed" | "orphaned" | "found" | "reaped", readonly string[]>>;
}

const MBIT = 1e6;
const SUBNET = parseSubnet("10.213.0.0/20");
const plan = fencePlan(SLOT, SUBNET);
const ADDRESSES = { one: "10.213.0.2", two: "10.213.0.3" } as const;
const UP_LINK = `mbi${SLOT}.2`;

/** What an administrator's slip, or another program, may do to a port. */
const BREAKS = [
  "tc qdisc del dev port-one ingress",
  "tc filter del dev port-one parent ffff: pref 2",
  `tc filter replace dev port-one parent ffff: protocol all prio 1 handle 1 bpf direct-action bytecode '1,6 0 0 0'`,
  "tc filter add dev port-one parent ffff: protocol all prio 3 u32 match u32 0 0 action mirred egress redirect dev lo",
  "tc qdisc del dev port-one root",
  "tc qdisc del dev port-one root; tc qdisc add dev port-one root tbf rate 1gbit burst 64kb limit 64kb",
  "tc class change dev port-one parent 1: classid 1:20 htb rate 3mbit",
  `tc class del dev ${UP_LINK} classid 1:10`,
  "tc filter del dev port-one parent 1: pref 1",
  `tc qdisc del dev ${UP_LINK} root`,
  `ip link set ${UP_LINK} down`,
  `ip link del ${UP_LINK}`,
];

layHost();
layBareBridge(plan);
for (const name of ["one", "two"] as const) addSandbox(name, ADDRESSES[name], plan.gateway);

const { lies, seenByNetfilter } = await lie();
const roads = await Roads.lay("one", ADDRESSES.one);
const rates: ShaperReport["rates"][number][] = [];
for (const asked of [MBIT, 10 * MBIT, 100 * MBIT]) {
  await arm("one", { up: asked, down: asked });
  for (const way of ["up", "down"] as const)
    rates.push({ way, asked, measured: await settled(asked, () => roads.rest(way)) });
}
await arm("one", { up: MBIT, down: MBIT });
const exempt = { up: await roads.legBesideRest("up"), down: await roads.legBesideRest("down") };
await arm("one", { ssh: 4 * MBIT });
const ownClass = {
  up: await settled(4 * MBIT, () => roads.leg("up")),
  down: await settled(4 * MBIT, () => roads.leg("down")),
};
const changed = await settled(2 * MBIT, changeUnderWay);
const { faults, withoutDevice } = await breakAndRepair();
const ports = await findPorts();
roads.end();
const left = await takeAway();
process.stdout.write(
  JSON.stringify({
    lies,
    seenByNetfilter,
    rates,
    exempt,
    ownClass,
    changed,
    faults,
    withoutDevice,
    ports,
    left,
  } satisfies ShaperReport),
);

async function arm(name: keyof typeof ADDRESSES, bandwidth: Bandwidth): Promise<PortPlan> {
  const port = {
    port: `port-${name}`,
    address: ADDRESSES[name],
    mac: macOf(name, "eth0"),
    bandwidth,
  };
  await armPort(plan, port);
  return port;
}

/** Other programs of a busy machine may keep a sender from filling its way: then it is measured again, twice at most. */
async function settled(asked: number, measure: () => Promise<number>): Promise<number> {
  let measured = await measure();
  for (let time = 0; time < 2 && Math.abs(measured / asked - 1) > 0.02; time++) measured = await measure();
  return measured;
}

async function changeUnderWay(): Promise<number> {
  await arm("one", { up: 10 * MBIT, down: 10 * MBIT });
  return roads.rest("down", async () => {
    await sleep(300);
    await arm("one", { up: 2 * MBIT, down: 2 * MBIT, ssh: 8 * MBIT });
  });
}

/** Everything that root with raw sockets could send: with bare ports, with armed ones, and into a classifier that drops it all. */
async function lie(): Promise<Pick<ShaperReport, "lies" | "seenByNetfilter">> {
  const tries = await Tries.watch(
    "one",
    "two",
    { own: ADDRESSES.one, neighbour: ADDRESSES.two },
    plan.gateway,
  );
  const disarmed = await tries.send();
  for (const name of ["one", "two"] as const) await arm(name, {});
  const armed = await tries.send();
  run(`
    ip link set ${BRIDGE} type bridge nf_call_iptables 1 nf_call_ip6tables 1
    tc qdisc add dev ${BRIDGE} ingress
    tc filter add dev ${BRIDGE} parent ffff: protocol all prio 1 bpf direct-action bytecode '${assemble([DROP])}'
    nft -f - <<'EOF'
table inet lab {
  counter spoofed { }
  counter neighbours { }
  counter six { }
  chain prerouting {
    type filter hook prerouting priority -150; policy accept;
    iifname != "${BRIDGE}" accept
    ip6 version 6 counter name six drop
    ip saddr != ${SUBNET.cidr} counter name spoofed drop
    ip saddr != ${ADDRESSES.one} counter name neighbours drop
  }
}
EOF`);
  await tries.send();
  const { nftables } = JSON.parse(run("nft -j list counters table inet lab")) as {
    nftables: { counter?: { name: string; packets: number } }[];
  };
  run(`nft delete table inet lab; tc qdisc del dev ${BRIDGE} ingress`);
  tries.end();
  return {
    lies: { disarmed, armed },
    seenByNetfilter: Object.fromEntries(
      nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])),
    ),
  };
}

async function breakAndRepair(): Promise<Pick<ShaperReport, "faults" | "withoutDevice">> {
  const port = await arm("one", { up: 2 * MBIT, down: 2 * MBIT, ssh: 8 * MBIT });
  const faults: ShaperReport["faults"][number][] = [];
  for (const broken of BREAKS) {
    run(broken);
    const found = await shaperFaults(plan, [port]);
    await armPort(plan, port);
    faults.push({ broken, found, repaired: await shaperFaults(plan, [port]) });
  }
  const exempted = await arm("one", { up: 2 * MBIT });
  run(`ip link del ${UP_LINK}`);
  const withoutDevice = {
    service: await roads.answers("world", "service"),
    ssh: await roads.answers(undefined, "ssh"),
  };
  await armPort(plan, exempted);
  return { faults, withoutDevice };
}

async function findPorts(): Promise<string[]> {
  const said = (pid: number) =>
    portOf(plan, pid).then(
      ({ port, mac }) => `${port} ${mac === macOf("one", "eth0") ? "its own" : mac}`,
      (error: unknown) => (error as { code: string }).code,
    );
  const sleeper = await Talker.start("one", ["sh", "-c", "echo ready; read line; echo $$; exec sleep 600"]);
  const found = [await said(Number(await sleeper.ask("pid?"))), await said(process.pid)];
  await sleeper.kill();
  return found;
}

async function takeAway(): Promise<ShaperReport["left"]> {
  const port = await arm("one", { up: MBIT, down: MBIT, ssh: MBIT });
  const armed = shaperRemains(SLOT);
  await disarmPort(plan, port);
  const disarmed = [...shaperRemains(SLOT), ...run("tc qdisc show dev port-one").trim().split("\n")];
  // As after a crash: the containers ended, and nobody disarmed their ports.
  await arm("one", { up: MBIT });
  await arm("two", { up: MBIT });
  run("ip link del port-one");
  const orphaned = await shaperFaults(plan, []);
  const found = await reapShaper(SLOT, true);
  await reapShaper(SLOT);
  const reaped = shaperRemains(SLOT);
  run("ip link del port-two");
  await reapShaper(SLOT);
  return { armed, disarmed, orphaned, found, reaped: [...reaped, ...shaperRemains(SLOT)] };
}

/** Classes of sandboxes: what the rules let each one do, whatever others may. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectedOf } from "../../gateway/commands/probe/tries.ts";
import { setOf } from "../../gateway/firewall/class-names.ts";
import { classNameOf, egressOf, type Egress } from "../../gateway/firewall/egress.ts";
import { markOf, type Way } from "../../gateway/firewall/marks.ts";
import { fencePlan } from "../../gateway/firewall/plan.ts";
import { rulesOf } from "../../gateway/firewall/rules.ts";
import { contains, parseSubnet } from "../../gateway/firewall/subnet.ts";
import { policySchema, type Policy } from "../../gateway/model/policy.ts";
import { Random } from "../policy/random.ts";
import { walk, type Packet, type World } from "./rule-walk.ts";

type Network = Policy["network"];
const PLAN = fencePlan(3, parseSubnet("10.203.0.0/20"));
const HOST = { addresses: ["198.51.100.7"], networks: ["198.51.100.0/24"], resolvers: ["198.51.100.53"] };
const BOX = "10.203.0.9";
const SEEDS = 60;

const DESTINATIONS = [
  ...["203.0.113.80", "8.8.8.8", "10.1.2.3", "192.168.7.7", "192.168.8.8", "169.254.169.254"],
  ...["198.51.100.7", "198.51.100.9", "10.203.0.1", "10.203.0.10", "224.0.0.5", "45.45.45.45"],
];
const PORTS = [22, 25, 53, 80, 443, 8080];

function anyNetwork(random: Random): Network {
  const some = <T>(values: readonly T[]) => values.filter(() => random.below(3) === 0);
  return policySchema.parse({
    network: {
      egress: random.pick(["deny", "dns", "limited", "sinkhole"]),
      ports: some([80, 443, "8000-8100", 25, undefined]).map((ports) => {
        const protocol = random.pick(["tcp", "udp"]);
        return {
          ...{ protocol, egress: random.pick(["deny", "limited", "sinkhole"]) },
          ...(ports === undefined ? {} : { ports }),
        };
      }),
      fences: some(["45.45.45.0/24", "203.0.113.0/24"]),
      openFences: some(["192.168.7.0/24", "10.0.0.0/8"]),
      connections: random.below(3) + 1,
    },
  }).network;
}

function worldWith(classes: readonly string[]): World {
  const who = new Set([BOX]);
  const sets = Object.fromEntries(classes.map((name) => [setOf({ name }), who]));
  return { sets: { ...sets, live: who }, host: [...HOST.addresses, PLAN.gateway, "127.0.0.1"] };
}

/** What is for the machine itself, or for the bridge, comes to other hooks. */
function isForwarded({ destination }: Packet): boolean {
  return !contains(PLAN.subnet, destination) && !HOST.addresses.includes(destination);
}

const WAYS: readonly Way[] = ["out", "sinkhole", "name", "invented"];
const everyPacket = DESTINATIONS.flatMap((destination) =>
  (["tcp", "udp", "icmp"] as const).flatMap((protocol) =>
    (protocol === "icmp" ? [0] : PORTS).map((port): Packet => ({
      link: PLAN.bridge,
      source: BOX,
      destination,
      protocol,
      port,
    })),
  ),
);
/** Questions are led to our resolver before anybody looks where they were to go. */
function wantedOf(alone: Egress, { destination: address, port, protocol }: Packet): string {
  const { names } = alone.classes[0];
  const toNames = names === "none" ? "drop" : names === "invent" ? "invented" : "name";
  if (port === 53 && protocol !== "icmp") return toNames;
  const kind = protocol === "other" ? "icmp" : protocol;
  const expected = expectedOf(PLAN, alone, { kind, address, port, of: "" });
  return { nothing: "drop", out: "out", outpost: "sinkhole", names: toNames }[expected];
}

const LED: Readonly<Record<string, string>> = Object.fromEntries(
  WAYS.map((way) => [markOf(PLAN.slot, way), way]),
);

describe("what rules for several classes let a sandbox begin", () => {
  it("is what its own class says, as doctor expects it, whatever the others say", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(seed);
      const networks = Array.from({ length: random.below(4) + 1 }, () => anyNetwork(random));
      const [base = anyNetwork(random), ...profiles] = networks;
      const egress = egressOf(base, HOST, profiles);
      const chains = rulesOf(PLAN, egress);
      for (const network of networks) {
        const alone = egressOf(network, HOST);
        const world = worldWith([classNameOf(network)]);
        for (const packet of everyPacket) {
          const { kind, mark = "" } = walk(chains, "prerouting", packet, world);
          const way = kind === "through" ? LED[mark] : kind;
          const { destination: address, port, protocol } = packet;
          const wanted = wantedOf(alone, packet);
          assert.equal(way, wanted, `seed ${seed}: ${protocol} ${address} ${port}`);
          seen.set(wanted, (seen.get(wanted) ?? 0) + 1);
        }
      }
    }
    assert.deepEqual([...seen.keys()].sort(), ["drop", "invented", "name", "out", "sinkhole"]);
  });

  it("is nothing where it is of no class, or of one that these rules do not have", () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(seed);
      const [base, profile, unknown] = [anyNetwork(random), anyNetwork(random), anyNetwork(random)];
      const egress = egressOf(base, HOST, [profile]);
      if (egress.classes.some(({ name }) => name === classNameOf(unknown))) continue;
      const chains = rulesOf(PLAN, egress);
      for (const world of [worldWith([]), worldWith([classNameOf(unknown)])])
        for (const packet of everyPacket) {
          assert.equal(walk(chains, "prerouting", packet, world).kind, "drop");
          for (const way of WAYS) {
            const marked = { ...packet, mark: markOf(PLAN.slot, way) };
            assert.equal(walk(chains, "prerouting", marked, world).kind, "drop");
            for (const out of ["eth0", PLAN.outpost.link])
              assert.equal(walk(chains, "forward", { ...marked, out }, world).kind, "drop");
          }
        }
    }
  });

  it("goes on only by a way that the class still has, and never to a fence", () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new Random(seed);
      const network = anyNetwork(random);
      const chains = rulesOf(PLAN, egressOf(anyNetwork(random), HOST, [network]));
      const [own] = egressOf(network, HOST).classes;
      const has = {
        out: own.decisions.some(({ mode }) => mode === "limited"),
        sinkhole: own.decisions.some(({ mode }) => mode === "sinkhole"),
        name: own.names === "resolve",
        invented: own.names === "invent",
      };
      const world = worldWith([own.name]);
      for (const way of ["out", "sinkhole", "name", "invented"] as const) {
        const mark = markOf(PLAN.slot, way);
        const out = way === "out" ? "eth0" : PLAN.outpost.link;
        const answer: Packet = {
          ...{ link: out, out: PLAN.bridge, source: "203.0.113.80", destination: BOX },
          ...{ protocol: "udp", port: 9, mark },
        };
        assert.equal(
          walk(chains, "forward", answer, world).kind,
          has[way] ? "accept" : "drop",
          `${seed} ${way}`,
        );
        for (const packet of everyPacket.filter(isForwarded)) {
          const first = walk(chains, "prerouting", { ...packet, mark }, world);
          assert.equal(first.kind, has[way] ? "follow" : "drop", `${seed} ${way}`);
          const second = walk(chains, "forward", { ...packet, mark, out }, world);
          const isFenced =
            way === "out" &&
            expectedOf(PLAN, egressOf({ ...network, ports: [], egress: "limited" }, HOST), {
              ...{ kind: "tcp", address: packet.destination, port: 9, of: "" },
            }) === "nothing";
          if (!has[way] || isFenced)
            assert.equal(second.kind, "drop", `${seed} ${way} ${packet.destination}`);
        }
      }
    }
  });

  it("with one class, does not depend on whether another one is open", () => {
    const shut = policySchema.parse({ network: {} }).network;
    const open = policySchema.parse({ network: { egress: "limited" } }).network;
    const chains = rulesOf(PLAN, egressOf(shut, HOST, [open]));
    const world = worldWith([classNameOf(shut)]);
    const told = (port: number, destination = "203.0.113.80") =>
      walk(
        chains,
        "prerouting",
        { link: PLAN.bridge, source: BOX, destination, protocol: "tcp", port },
        world,
      ).told;
    assert.deepEqual([told(80), told(25), told(80, "10.9.9.9")], ["egress", "bot", "fence"]);
  });
});

describe("the name of a class", () => {
  it("is another one for whatever makes other rules, and the same for the same in any order of profiles", () => {
    const base = policySchema.parse({ network: {} }).network;
    const different: object[] = [
      {},
      { egress: "dns" },
      { ports: [{ ports: 80, egress: "limited" }] },
      { ports: [{ ports: 80, egress: "sinkhole" }] },
      { ports: [{ protocol: "udp", ports: 80, egress: "limited" }] },
      { rates: { tcp: "21/hour" } },
      { connections: 11 },
      { dns: { rate: "61/minute" } },
      { fences: ["45.45.45.0/24"] },
      { openFences: ["10.0.0.0/8"] },
      { caps: { up: "6 MiB" } },
      { caps: { down: "6 MiB" } },
    ];
    const names = different.map((network) => classNameOf(policySchema.parse({ network }).network));
    assert.equal(new Set(names).size, names.length);
    const same = [{ bandwidth: { up: "1mbit" } }, { caps: { per: "hour" } }, { engine: "nft" }];
    for (const network of same)
      assert.equal(classNameOf(policySchema.parse({ network }).network), classNameOf(base));
    const [one, two] = [different[1], different[2]].map((network) => policySchema.parse({ network }).network);
    assert.ok(one && two);
    assert.deepEqual(
      egressOf(base, HOST, [one, two, one])
        .classes.map(({ name }) => name)
        .sort(),
      egressOf(two, HOST, [base, one])
        .classes.map(({ name }) => name)
        .sort(),
    );
    // The machine's addresses come and go; nobody's class changes by that.
    assert.equal(
      egressOf(base, HOST).classes[0].name,
      egressOf(base, { ...HOST, addresses: [] }).classes[0].name,
    );
  });
});

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { egressOf } from "../../gateway/firewall/egress.ts";
import { ingressFilter } from "../../gateway/firewall/ingress-filter.ts";
import { fencePlan } from "../../gateway/firewall/plan.ts";
import { byTable, fillText } from "../../gateway/firewall/iptables.ts";
import { iptablesText } from "../../gateway/firewall/iptables-text.ts";
import { nftText } from "../../gateway/firewall/nft-text.ts";
import { overlaps, parseSubnet, usedRanges } from "../../gateway/firewall/subnet.ts";
import { policySchema } from "../../gateway/model/policy.ts";
import { childUid, SLOTS } from "../../gateway/model/slot.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/firewall");

const HOST = {
  addresses: ["198.51.100.7"],
  networks: ["198.51.100.0/24"],
  resolvers: ["198.51.100.53"],
};

describe("what is rendered from a plan and a policy", () => {
  for (const [name, slot, cidr, port, network, profiles = []] of [
    ["deny-0", 0, "10.200.0.0/20", 22, {}],
    ["deny-15", 15, "172.16.240.0/24", 2022, {}],
    ["dns", 1, "10.201.0.0/20", 22, { egress: "dns", dns: { resolvers: ["192.0.2.53"], rate: "10/minute" } }],
    [
      "limited",
      2,
      "10.202.0.0/20",
      22,
      {
        egress: "deny",
        ports: [
          { ports: "80,443,8000-8100", egress: "limited" },
          { ports: 25, egress: "sinkhole" },
          { protocol: "icmp", egress: "limited" },
        ],
        openFences: ["192.168.7.0/24"],
      },
    ],
    ["sinkhole", 3, "10.203.0.0/20", 22, { egress: "sinkhole" }],
    [
      "profiles",
      4,
      "10.204.0.0/20",
      22,
      { dns: { resolvers: ["192.0.2.53"] } },
      [
        { ports: [{ ports: 80, egress: "limited" }], caps: { up: "5 MiB", down: "5 MiB" } },
        { egress: "limited", rates: { tcp: "20/hour" }, fences: ["203.0.113.0/24"] },
        { egress: "sinkhole", openFences: ["192.168.7.0/24"] },
        { dns: { resolvers: ["192.0.2.53"] } },
      ],
    ],
  ] as const) {
    const plan = fencePlan(slot, parseSubnet(cidr), port);
    const [own, ...others] = [network, ...profiles].map(
      (each) => policySchema.parse({ network: each }).network,
    );
    assert.ok(own);
    const egress = egressOf(own, HOST, others);
    it(`is the golden rule set: ${name}`, () => {
      equalsGolden(`${name}.nft`, nftText(plan, egress));
    });
    it(`has the rate sets that the rules ask for, and each has room for the whole subnet: ${name}`, () => {
      const text = nftText(plan, egress);
      const made = [...text.matchAll(/^\tset (\w+\.\w+) \{\n\t\ttype ipv4_addr\n\t\tsize (\d+)$/gm)];
      const asked = [...text.matchAll(/(?:update|add) @(\w+\.\w+) /g)].map(([, set]) => set);
      assert.deepEqual(new Set(made.map(([, set]) => set)), new Set(asked));
      const most = 2 ** (32 - plan.subnet.prefix);
      for (const [, set, size] of made)
        assert.ok(Number(size) >= most && Number(size) <= 2 * most, `${set ?? ""}: ${size ?? ""}`);
    });
    it(`is the golden rule set for iptables: ${name}`, () => {
      const { sets, four, six } = iptablesText(plan, egress);
      const parts = {
        ipset: sets,
        iptables: fillText(four, byTable(""), ""),
        ip6tables: fillText(six, byTable(""), ""),
      };
      equalsGolden(
        `${name}.iptables`,
        Object.entries(parts)
          .map(([program, text]) => `# ${program}\n${text}`)
          .join(""),
      );
    });
    it(`is the golden classifier: ${name}`, () => {
      equalsGolden(`${name}.bpf`, `${ingressFilter(plan, egress).replaceAll(",", "\n")}\n`);
    });
  }

  it("keeps the slots apart", () => {
    const plans = Array.from({ length: SLOTS }, (_, slot) =>
      fencePlan(slot, parseSubnet(`10.${slot}.0.0/20`)),
    );
    const uids = plans.flatMap(({ fronts, archivist }) => [...fronts, archivist]);
    assert.equal(new Set(uids).size, uids.length);
    const preferences = plans.flatMap(({ preferences }) => preferences);
    assert.equal(new Set(preferences).size, preferences.length);
    assert.throws(() => fencePlan(SLOTS, parseSubnet("10.0.0.0/20")), RangeError);
    assert.throws(() => childUid(0, 64), RangeError);
  });
});

describe("subnets", () => {
  it("are taken only as they are written properly", () => {
    assert.deepEqual(parseSubnet("192.168.240.0/20"), {
      cidr: "192.168.240.0/20",
      network: 0xc0a8f000,
      mask: 0xfffff000,
      prefix: 20,
      first: "192.168.240.1",
    });
    for (const wrong of [
      "10.0.0.1/20",
      "10.0.0.0",
      "10.0.0.0/31",
      "10.0.0.0/4",
      "fd00::/64",
      '10.0.0.0/20" drop',
      "",
    ])
      assert.throws(() => parseSubnet(wrong), RangeError, wrong);
  });

  it("overlap or not", () => {
    assert.ok(overlaps("10.0.0.0/8", "10.200.0.0/20"));
    assert.ok(overlaps("10.200.0.0/20", "10.200.15.255"));
    assert.ok(!overlaps("10.200.0.0/20", "10.200.16.0"));
    assert.ok(!overlaps("192.0.2.0/24", "192.0.3.0/24"));
  });

  it("count as used by every route but the default ones and those of the own bridge", () => {
    const routes = [
      { dst: "default", dev: "eth0" },
      { dst: "0.0.0.0/0", dev: "wg0" },
      { dst: "10.8.0.0/16", dev: "wg0" },
      { type: "local", dst: "192.0.2.2", dev: "eth0", table: "local" },
      { dst: "10.200.0.0/20", dev: "mbk0" },
      { dst: "2001:db8::/32", dev: "eth0" },
      {},
    ];
    assert.deepEqual(usedRanges(routes, "mbk0"), ["10.8.0.0/16", "192.0.2.2"]);
  });
});

function equalsGolden(name: string, rendered: string): void {
  const path = join(GOLDENS, name);
  if (process.env["MITSUBAKO_WRITE_GOLDENS"] === "1") writeFileSync(path, rendered);
  assert.equal(
    rendered,
    readFileSync(path, "utf8"),
    "run with MITSUBAKO_WRITE_GOLDENS=1 and look at what changed",
  );
}

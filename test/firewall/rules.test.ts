import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ingressFilter } from "../../gateway/firewall/ingress-filter.ts";
import { fencePlan } from "../../gateway/firewall/plan.ts";
import { rulesText } from "../../gateway/firewall/rules.ts";
import { overlaps, parseSubnet, usedRanges } from "../../gateway/firewall/subnet.ts";
import { childUid, SLOTS } from "../../gateway/model/slot.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/firewall");

describe("what is rendered from a plan", () => {
  for (const [slot, cidr, port] of [
    [0, "10.200.0.0/20", 22],
    [15, "172.16.240.0/24", 2022],
  ] as const) {
    const plan = fencePlan(slot, parseSubnet(cidr), port);
    it(`is the golden rule set for slot ${slot}`, () => {
      equalsGolden(`slot-${slot}.nft`, rulesText(plan));
    });
    it(`is the golden classifier for slot ${slot}`, () => {
      equalsGolden(`slot-${slot}.bpf`, `${ingressFilter(plan).replaceAll(",", "\n")}\n`);
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

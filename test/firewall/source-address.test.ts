import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { PathPorts } from "../../gateway/firewall/path-ports.ts";
import { canBeShown } from "../../gateway/firewall/shown-address.ts";
import { parseSubnet } from "../../gateway/firewall/subnet.ts";
import { inLab } from "./lab/enter.ts";
import type { SourcesReport } from "./lab/source-addresses.ts";

// Each has a machine of its own, and waits for most of the time.
describe("the attacker's address, seen from inside", { concurrency: 2 }, () => {
  for (const engine of ["nft", "iptables"])
    describe(`by ${engine}`, { concurrency: 1 }, () => {
      let report: SourcesReport;
      before(async () => {
        report = (await inLab("source-addresses.ts", { network: { engine } })) as SourcesReport;
      });

      it("is each one's own for 300 logins, 25 at once, with the port", () => {
        assert.equal(report.crowd.length, 300);
        assert.deepEqual(
          report.crowd.filter(({ wanted, seen }) => wanted !== seen),
          [],
        );
      });

      it("is shown for addresses that a sandbox can answer, and is the bridge's for others", () => {
        assert.deepEqual(report.special, {
          "203.0.113.80": "203.0.113.80 4242",
          "::ffff:203.0.113.81": "203.0.113.81 4242",
          "192.168.77.5": "192.168.77.5 4242",
          "10.1.2.3": "10.1.2.3 4242",
          "2001:db8::7": "bridge",
          "::1": "bridge",
          "127.0.0.1": "bridge",
          "0.0.0.0": "bridge",
          "224.0.0.5": "bridge",
          "255.255.255.255": "bridge",
          "169.254.1.1": "bridge",
          "192.0.2.2": "bridge",
          "10.213.0.1": "bridge",
          "10.213.0.3": "bridge",
        });
      });

      it("stays right for one that comes back at once from the same port", () => {
        assert.deepEqual(
          report.again.map((seen) => seen.split(" ")[0]),
          ["203.0.113.99", "203.0.113.99", "203.0.113.99"],
        );
        assert.equal(new Set(report.again).size, 3);
        assert.equal(report.again[0], "203.0.113.99 5000");
      });

      it("stays while the fence is put right under a living connection, and is right after it", () => {
        assert.deepEqual(report.throughRepair, [
          "203.0.113.110 before, 203.0.113.110 after",
          "203.0.113.111 1111",
        ]);
      });

      it("takes no port that a program of the host listens on", () => {
        assert.ok(report.busyPortAvoided);
      });

      it("comes through a subnet that nothing else on the host is routed to", () => {
        assert.deepEqual(report.subnets, ["10.213.0.0/20", "10.113.0.0/20", "10.213.0.0/20"]);
      });

      it("fails with a code when the rules are gone, rather than show another", () => {
        assert.equal(report.refusedWithoutTable, "firewall-failed");
      });
    });
});

describe("PathPorts", () => {
  it("gives no port twice, and each again only after its rest", () => {
    let now = 0;
    const ports = new PathPorts(10_000, 3, 1000, () => now);
    assert.deepEqual(
      [ports.take(), ports.take(), ports.take(), ports.take()],
      [10_000, 10_001, 10_002, undefined],
    );
    ports.giveBack(10_001);
    assert.equal(ports.take(), undefined);
    now = 999;
    assert.equal(ports.take(), undefined);
    now = 1000;
    assert.deepEqual([ports.take(), ports.take()], [10_001, undefined]);
  });

  it("keeps its order over many thousand connects", () => {
    let now = 0;
    const ports = new PathPorts(10_000, 20_000, 65_000, () => now);
    const lastUse = new Map<number, number>();
    for (let connect = 0; connect < 200_000; connect++) {
      now += 4;
      const port = ports.take();
      assert.ok(port !== undefined, `none left at connect ${connect}`);
      const before = lastUse.get(port);
      assert.ok(before === undefined || now - before > 65_000);
      lastUse.set(port, now);
      ports.giveBack(port);
    }
    assert.equal(lastUse.size, 20_000);
  });
});

describe("canBeShown", () => {
  const subnet = parseSubnet("10.213.0.0/20");
  it("knows the subnet's edges", () => {
    const shown = (address: string) => canBeShown(address, subnet, new Set());
    assert.deepEqual(
      [
        "10.212.255.255",
        "10.213.0.0",
        "10.213.15.255",
        "10.213.16.0",
        "126.255.255.255",
        "128.0.0.1",
        "223.255.255.255",
        "not an address",
      ].map(shown),
      [true, false, false, true, true, true, true, false],
    );
  });
});

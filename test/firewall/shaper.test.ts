import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { inLab } from "./lab/enter.ts";
import type { ShaperReport } from "./lab/shaper.ts";

/** Without the fence each of these arrives somewhere; a sandbox's armed port alone stops them. */
const LIES = [
  "UDP as the neighbour",
  "TCP to the neighbour",
  "TCP to the neighbour by way of the host",
  "TCP to the neighbour as the host",
  "UDP to the neighbour as an outsider",
  "UDP broadcast of the subnet",
  "ARP for another address of the host",
  "ARP for the neighbour",
  "ARP that claims to be the host",
  "ARP that claims to be the host, to all",
  "a frame of an unknown protocol",
  "a frame of an unknown protocol, to all",
  "a VLAN's frame to the neighbour",
  "a spanning tree's frame",
  "IPv6 UDP to the neighbour",
];

describe("a sandbox's port", () => {
  let report: ShaperReport;
  before(async () => {
    report = (await inLab("shaper.ts")) as ShaperReport;
  });

  it("takes nothing in another's name, nothing for a neighbour and no unknown protocol, without any other layer", () => {
    const arrived = ({ world, neighbour, host }: ShaperReport["lies"]["armed"]) =>
      LIES.filter((name) => [...world, ...neighbour, ...host].includes(name));
    assert.deepEqual(arrived(report.lies.disarmed), LIES);
    assert.deepEqual(arrived(report.lies.armed), []);
  });

  it("leaves other forged sources and IPv6 to netfilter, which sees them before the bridge's classifier", () => {
    const { spoofed = 0, six = 0, neighbours } = report.seenByNetfilter;
    assert.ok(spoofed >= 4, `${spoofed} forged`);
    assert.ok(six >= 5, `${six} of IPv6`);
    assert.equal(neighbours, 0);
  });

  it("gives 1, 10 and 100 Mbit/s each way, within 2 %", () => {
    assert.equal(report.rates.length, 6);
    for (const { way, asked, measured } of report.rates) near(measured, asked, way);
  });

  it("lets the gateway's SSH pass while the rest is shaped", () => {
    assert.ok(report.exempt.up > 50e6, `up ${report.exempt.up}`);
    assert.ok(report.exempt.down > 50e6, `down ${report.exempt.down}`);
  });

  it("shapes the gateway's SSH by itself where the policy says so", () => {
    near(report.ownClass.up, 4e6, "up");
    near(report.ownClass.down, 4e6, "down");
  });

  it("takes another bandwidth while a connection lives", () => {
    near(report.changed, 2e6, "changed");
  });

  it("drops what the sandbox sends when the device that shapes it is gone; SSH goes on", () => {
    assert.deepEqual(report.withoutDevice, { service: false, ssh: true });
  });

  it("is found changed by the periodic look, and is put right", () => {
    for (const { broken, found, repaired } of report.faults) {
      assert.notDeepEqual(found, [], `after: ${broken}`);
      assert.deepEqual(repaired, [], `repaired after: ${broken}`);
    }
  });

  it("is found by a process inside, and refused for a process that is in none", () => {
    assert.deepEqual(report.ports, ["port-one its own", "firewall-failed"]);
  });

  it("leaves nothing when it is disarmed; what a crash left is found and reaped, what lives is not", () => {
    assert.deepEqual(report.left, {
      armed: ["shaper mbi13.2"],
      disarmed: ["qdisc noqueue 0: root refcnt 2"],
      orphaned: ["mbi13.2 shapes no sandbox any more"],
      found: ["mbi13.2"],
      reaped: ["shaper mbi13.3"],
    });
  });
});

function near(measured: number, asked: number, what: string): void {
  assert.ok(Math.abs(measured / asked - 1) <= 0.02, `${what}: asked ${asked}, measured ${measured}`);
}

import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { childUid, LOG_INDEX, OUTPOST_INDEX } from "../../gateway/model/slot.ts";
import { inLab } from "../firewall/lab/enter.ts";
import type { OutpostsReport, ToldFact } from "./lab/outposts.ts";

const SLOT = 13;
const BOX = "10.213.0.2";
const CAP_NET_ADMIN = "0000000000001000";
const NONE = "0000000000000000";

describe("the outpost", () => {
  let report: OutpostsReport;
  before(async () => {
    report = (await inLab("../../warden/lab/outposts.ts")) as OutpostsReport;
  });
  const only = (name: string): ToldFact => {
    const [first, ...others] = report.facts[name] ?? [];
    assert.ok(first, `nothing was told of ${name}: ${report.answers[name] ?? ""}`);
    assert.deepEqual(others, [], name);
    return first;
  };

  it("has its own uid and no right, and the reader of the log one alone and another uid", () => {
    const { outpost, log } = report;
    for (const [status, index, capability] of [
      [outpost, OUTPOST_INDEX, NONE],
      [log, LOG_INDEX, CAP_NET_ADMIN],
    ] as const) {
      const id = String(childUid(SLOT, index));
      for (const field of ["Uid", "Gid"]) assert.deepEqual(status[field]?.split(/\s+/), [id, id, id, id]);
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert.equal(status[set], capability, set);
      assert.equal(status["NoNewPrivs"], "1");
      assert.equal(status["Groups"]?.trim(), "");
    }
  });

  it("has a network with nothing in it but its end of the cable", () => {
    const links = report.links.trim().split("\n");
    assert.equal(links.length, 2, report.links);
    assert.match(links[0] ?? "", /^lo /);
    assert.match(links[1] ?? "", /^world0@\S+ +UP +10\.213\.15\.254\/30 *$/);
  });

  it("a packet that the rules drop is told within a moment: who, where to, which rule", () => {
    const { sandbox, mac, fact } = only("fenced");
    assert.equal(sandbox, BOX);
    assert.match(mac ?? "", /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    assert.deepEqual(
      { ...fact, from: 0 },
      {
        ...{ kind: "network", rule: "fence", protocol: "udp", from: 0, count: 1 },
        to: { address: "10.9.8.7", port: 99 },
      },
    );
    // The shell that sends it, and the batch of the kernel's log, which is told to hold none back.
    assert.ok(report.delay < 900, `${report.delay} ms`);
  });

  it("a web server answers at any address and port, with TLS as well; told with where it was meant to go", () => {
    assert.match(report.answers["http"] ?? "", /^HTTP\/1\.1 200 OK\r\nServer: nginx/);
    const { fact, mac } = only("http");
    assert.match(mac ?? "", /:/);
    assert.deepEqual([fact.rule, fact.to], ["sinkhole", { address: "93.184.216.34", port: 8080 }]);
    assert.match(fact.data ?? "", /^GET \/ HTTP\/1\.1\r\nHost: 93\.184\.216\.34:8080/);
    assert.match(report.answers["https"] ?? "", /^HTTP\/1\.1 200 OK/);
    assert.deepEqual(only("https").fact.to, { address: "93.184.216.34", port: 443 });
  });

  it("so do a mail server and, in silence, what takes datagrams", () => {
    assert.match(report.answers["smtp"] ?? "", /250, b'mail\\nPIPELINING/);
    assert.deepEqual(only("smtp").fact.to, { address: "93.184.216.34", port: 25 });
    const { fact } = only("datagram");
    assert.deepEqual(
      [fact.protocol, fact.to, fact.data],
      ["udp", { address: "93.184.216.34", port: 123 }, "hello"],
    );
  });

  it("names are invented, or those of the machine's resolver", () => {
    assert.match(report.answers["name"] ?? "", /^\d+\.\d+\.\d+\.\d+\n$/);
    const invented = only("name").fact;
    assert.deepEqual(
      [invented.rule, invented.name, invented.to],
      ["dns", "c2.example.com", { address: "1.1.1.1", port: 53 }],
    );
    assert.equal(report.answers["real name"], "93.184.216.99\n");
    assert.deepEqual(
      [only("real name").fact.name, only("real name").fact.to.address],
      ["www.world", "8.8.8.8"],
    );
  });

  it("who lies about its address is told by its hardware address", () => {
    const { sandbox, mac, fact } = only("spoofed");
    assert.deepEqual([sandbox, mac, fact.rule], [undefined, only("fenced").mac, "spoofed"]);
  });

  it("its cable can be laid again, taken away and brought back; without it nothing answers, and it is told all the same", () => {
    assert.deepEqual(report.faults.laid, []);
    assert.deepEqual(report.faults.laidAgain, []);
    assert.equal(report.faults.spoiled.length, 2, report.faults.spoiled.join("; "));
    assert.equal(report.faults.lifted.length, 1);
    assert.match(report.answers["http, the cable laid again"] ?? "", /200 OK/);
    assert.equal(report.answers["http without a cable"], "nothing\n");
    assert.deepEqual(only("http without a cable").fact.to, { address: "93.184.216.34", port: 80 });
    assert.match(report.answers["http, the cable back"] ?? "", /200 OK/);
  });

  it("is started again when it or its log dies, with its cable, which died with it", () => {
    assert.equal(report.linkAfterDeath, false);
    assert.equal(report.starts, 3);
    for (const name of ["http after its death", "http after its log's death"]) {
      assert.match(report.answers[name] ?? "", /200 OK/);
      assert.equal(only(name).fact.to.port, 80);
    }
  });

  it("neither it nor the reader of the log outlives a warden that is killed", () => {
    assert.deepEqual(report.outlived, []);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByHandReport } from "./lab/by-hand.ts";
import type { EnginesReport } from "./lab/engines.ts";
import { inLab } from "./lab/enter.ts";

test("an engine is chosen that takes the rules; what the other one left is taken away; without any there is no bridge", async () => {
  const report = (await inLab("engines.ts")) as EnginesReport;
  const neither = report["neither, auto"] ?? "";
  const iptablesAlone = report["neither, iptables"] ?? "";
  const nftAlone = report["no nft, nft"] ?? "";
  assert.deepEqual(report, {
    "all works": "nft",
    "after iptables": "nft",
    "left of iptables": "0",
    "after nft": "iptables",
    "left of nft": "0",
    "left of both": "0 0 0",
    "iptables without tables, nft": "nft",
    "tables that nft changed, nft": "nft",
    "beside one with nft": "",
    "reap, rules unreadable": "firewall-failed: iptables-save failed: Parsing nftables rule failed",
    "left of the two": "0",
    "no program": "tool-missing: The program nothing-of-this-name is not installed.",
    "iptables' two lines": "firewall-failed: sh failed: iptables v1: line 3: no",
    "no nft, auto": "iptables",
    "no nft, nft": nftAlone,
    "neither, auto": neither,
    "neither, iptables": iptablesAlone,
    "no bridge without rules": "0",
  });
  assert.match(nftAlone, /unshare failed|nft failed/);
  assert.match(iptablesAlone, /failed/);
  assert.match(neither, /Nothing here can contain a sandbox \(nft: .*iptables: /);
});

for (const engine of ["nft", "iptables"])
  test(`${engine}: rules of others open no cap; what is taken away by hand is noticed, and nothing is given again`, async () => {
    const report = (await inLab("by-hand.ts", { network: { engine } })) as ByHandReport;
    const { downloaded, denied, ...rest } = report;
    assert.ok(downloaded > 0 && downloaded <= 2 ** 20, `${downloaded}`);
    assert.deepEqual(rest, {
      lostCount: ["the caps of 10.213.0.10 are gone"],
      afterRepair: [],
      spentAfterRepair: true,
      lostSets: [],
      leftOfPath: 0,
    });
    assert.deepEqual(
      denied.toSorted((one, other) => one.direction.localeCompare(other.direction)),
      ["down", "up"].map((direction) => ({ direction, limit: 2 ** 20 })),
    );
  });

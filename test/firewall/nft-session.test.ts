import assert from "node:assert/strict";
import { it } from "node:test";
import { inLab } from "./lab/enter.ts";

it("a held nft adds many at once, tells each its own failure, and outlives its own death", async () => {
  assert.deepEqual(await inLab("nft-sessions.ts"), {
    together: 500,
    // The same entry again is what was asked for; another under that key is not.
    duplicate: ["added", "firewall-failed"],
    goodBesideBad: "added",
    afterKill: "added",
    afterGarbage: "firewall-failed, added",
    elements: 503,
    leftRunning: 0,
  });
});

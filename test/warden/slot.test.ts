import assert from "node:assert/strict";
import { it } from "node:test";
import { inLab } from "../firewall/lab/enter.ts";
import type { SlotsReport } from "./lab/slots.ts";

it("a slot belongs to one process, until it gives it back or is killed", async () => {
  const report = (await inLab("../../warden/lab/slots.ts")) as SlotsReport;
  assert.deepEqual(report, {
    preferred: 5,
    taken: 0,
    others: [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    whenFull: "no-free-slot",
    afterGivingBack: 6,
    afterKill: 0,
  } satisfies SlotsReport);
});

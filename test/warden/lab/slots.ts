/** Takes slots in one process and another. Run by slot.test.ts in a network namespace where nobody else has any. */
import { SLOTS } from "../../../gateway/model/slot.ts";
import { takeSlot, type SlotLease } from "../../../gateway/warden/slot.ts";
import { labFile, Talker } from "../../firewall/lab/network.ts";

export interface SlotsReport {
  readonly preferred: number;
  readonly taken: number;
  readonly others: readonly number[];
  readonly whenFull: string;
  readonly afterGivingBack: number;
  readonly afterKill: number;
}

const first = await takeSlot(5);
const neighbour = await Talker.start(undefined, [
  process.execPath,
  labFile("../../warden/lab/hold-slot.ts"),
  "5",
]);
const taken = Number(await neighbour.ask("slot?"));
const held: SlotLease[] = [];
for (let count = 2; count < SLOTS; count++) held.push(await takeSlot());
const whenFull = await takeSlot(3).then(
  ({ slot }) => String(slot),
  (error: unknown) => (error as { code: string }).code,
);
await held[4]?.[Symbol.asyncDispose]();
const given = await takeSlot();
await neighbour.kill();
const inherited = await takeSlot(taken);
process.stdout.write(
  JSON.stringify({
    preferred: first.slot,
    taken,
    others: held.map(({ slot }) => slot),
    whenFull,
    afterGivingBack: given.slot,
    afterKill: inherited.slot,
  } satisfies SlotsReport),
);

/** Takes a slot, tells which, and waits to be killed. */
import { createInterface } from "node:readline";
import { takeSlot } from "../../../gateway/warden/slot.ts";

const { slot } = await takeSlot(Number(process.argv[2]));
console.log("ready");
createInterface({ input: process.stdin }).on("line", () => {
  console.log(slot);
});

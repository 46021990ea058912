import { fenceRemains, reapFence } from "../firewall/fence.ts";
import { SLOTS } from "../model/slot.ts";
import { Engine } from "../sandbox/docker.ts";
import { reap } from "../sandbox/reap.ts";
import { trySlot } from "../warden/slot.ts";

/** Removes what gateways that died have left under every slot that no living one holds. */
export async function reapCommand(options: { dryRun?: true; json?: true }): Promise<number> {
  const engine = new Engine();
  const dryRun = options.dryRun === true;
  let found = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    await using lease = await trySlot(slot);
    if (!lease) {
      tell({ slot, held: true }, `slot ${slot}: a gateway runs there, nothing of it is touched`);
      continue;
    }
    const removed = [
      ...(await reap({ engine, slot, dryRun })).map(({ kind, name }) => `${kind} ${name}`),
      ...(await fenceRemains(slot)),
    ];
    if (!dryRun) await reapFence(slot);
    found += removed.length;
    for (const what of removed)
      tell({ slot, removed: what, dryRun }, `slot ${slot}: ${dryRun ? "would remove" : "removed"} ${what}`);
  }
  if (found === 0 && !options.json) process.stdout.write("There is nothing left to remove.\n");
  return 0;

  function tell(json: object, text: string): void {
    process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${text}\n`);
  }
}

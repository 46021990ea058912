import { fenceRemains } from "../../firewall/fence.ts";
import { SLOTS } from "../../model/slot.ts";
import type { Engine } from "../../sandbox/docker.ts";
import { reap } from "../../sandbox/reap.ts";
import { trySlot, type SlotLease } from "../../warden/slot.ts";

/**
 * A slot that no gateway holds and in which none has left anything: what a dead one left is for `reap`, and may be wanted.
 * The last ones first, since gateways take the first ones. Undefined when there is none.
 */
export async function freeSlot(engine: Engine): Promise<SlotLease | undefined> {
  for (let slot = SLOTS - 1; slot >= 0; slot--) {
    const lease = await trySlot(slot);
    if (lease === undefined) continue;
    try {
      if ((await remainsIn(engine, slot)).length === 0) return lease;
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
    await lease[Symbol.asyncDispose]();
  }
  return undefined;
}

/** What of a slot is in the kernel and in the engine, a name each. */
export async function remainsIn(engine: Engine, slot: number): Promise<string[]> {
  const [inEngine, inKernel] = await Promise.all([reap({ engine, slot, dryRun: true }), fenceRemains(slot)]);
  return [...inEngine.map(({ kind, name }) => `${kind} ${name}`), ...inKernel];
}

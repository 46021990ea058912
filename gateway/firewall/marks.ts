/**
 * Marks of connections and packets. A packet without one is not routed (routing.ts), and only the rules give them, so that a rule
 * set that is gone lets nothing out. Bits 31 to 16 say that it is ours, 15 to 12 what kind of way it is, 7 to 0 the slot.
 */
const OURS = 0x6d62_0000;
const KINDS = { out: 1, sinkhole: 2, name: 3, upstream: 4, refused: 5, invented: 6 } as const;

/**
 * `out`: let out. `sinkhole`, `name`, `invented`: to the outpost, the last two with a question for a name, that it looks up or
 * makes up. `upstream`: the outpost asks a resolver. `refused`: to be answered with a refusal and to go nowhere; of packets alone,
 * where the engine can decide and answer only in two different tables.
 */
export type Way = keyof typeof KINDS;

export function markOf(slot: number, way: Way): string {
  return hexadecimal(OURS + (KINDS[way] << 12) + slot);
}

/** Of every kind: compare after `MARK_MASK`. */
export function anyMarkOf(slot: number): string {
  return hexadecimal(OURS + slot);
}

export const MARK_MASK = "0xffff0fff";

function hexadecimal(value: number): string {
  return `0x${value.toString(16)}`;
}

import { RecordingDamaged } from "../recording/damage.ts";
import { readEntries } from "../recording/reader.ts";
import { EvidenceCollector, type Evidence } from "./extract.ts";
import type { Observation } from "./observation.ts";

export interface RecordingRead {
  readonly evidence: Evidence;
  /** ended: in order. cut: without an end (a crash, or the session still lives). damaged: what is told stands before the damage. */
  readonly state: "ended" | "cut" | "damaged";
  readonly damage?: RecordingDamaged;
}

/**
 * The evidence of a recording, to its end or to where its bytes can no longer be trusted.
 *
 * @param each called with what each entry tells, in order; `at` and `offset` are the entry's.
 */
export async function readEvidence(
  path: string,
  each: (at: bigint, observations: readonly Observation[], offset: number) => void = () => undefined,
): Promise<RecordingRead> {
  const collector = new EvidenceCollector();
  let damage: RecordingDamaged | undefined;
  let last = 0n;
  let offset = 0;
  try {
    for await (const entry of readEntries(path)) {
      ({ at: last, offset } = entry);
      each(last, collector.push(entry), offset);
    }
  } catch (error) {
    if (!(error instanceof RecordingDamaged)) throw error;
    damage = error;
  }
  each(last, collector.end(), offset);
  const { evidence } = collector;
  if (damage !== undefined) return { evidence, state: "damaged", damage };
  return { evidence, state: evidence.summary.endReason === undefined ? "cut" : "ended" };
}

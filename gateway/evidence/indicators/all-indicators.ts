import type { ByteString } from "../../model/bytes.ts";
import type { Capture } from "../../model/capture.ts";
import type { LateFactRead } from "../late-facts.ts";
import type { Observation } from "../observation.ts";
import { captureIndicators, type ReadArtifact } from "./capture-indicators.ts";
import { Gatherer } from "./gatherer.ts";
import type { Cite, Indicator } from "./indicator.ts";
import { lateIndicators, sessionIndicators } from "./session-indicators.ts";

/** Everything that is known of one session. */
export interface KnownOfSession {
  readonly observations: readonly Observation[];
  /** What changed in its sandbox while it was there; absent while that was not captured. */
  readonly stayed?: Capture | undefined;
  /** What its sandbox did when it was over. */
  readonly late: readonly LateFactRead[];
}

/** The indicators of a session, each once, with every place in which it was seen. */
export async function allIndicators(known: KnownOfSession, read: ReadArtifact): Promise<Indicator[]> {
  const gatherer = new Gatherer();
  const add = (indicators: readonly Indicator[]) => {
    for (const one of indicators) for (const cite of one.cites) gatherer.add([one], cite);
  };
  add(sessionIndicators(known.observations));
  if (known.stayed !== undefined)
    for (const [place, found] of await captureIndicators(known.stayed, read)) {
      const { path = "", sha256 } = known.stayed.changes[place] ?? {};
      const cite: Cite = { path: path as ByteString, ...(sha256 === undefined ? {} : { artifact: sha256 }) };
      gatherer.add(found, cite);
    }
  add(lateIndicators(known.late));
  return gatherer.indicators;
}

import { dirname, join } from "node:path";
import { captureIndicators } from "../evidence/indicators/capture-indicators.ts";
import { artifactReader } from "../evidence/indicators/read-artifact.ts";
import { readLateFacts } from "../evidence/late-facts.ts";
import { readEvidence } from "../evidence/read.ts";
import { NETWORK_FILE } from "../model/late-files.ts";
import { readCaptures } from "./captures.ts";
import type { FoundRecording } from "./find-recording.ts";
import type { IndexStore } from "./store.ts";

/** Puts a recording into an index, with what lies beside it. Gives how many captures that were. */
export async function takeIn(
  index: IndexStore,
  dataFolder: string,
  { session, path, live }: FoundRecording,
): Promise<number> {
  const { state, evidence } = await readEvidence(join(dataFolder, path));
  index.putFinished(path, live ? "live" : state, evidence);
  if (live) return 0;
  let captures = 0;
  for await (const { ordinal, capture } of readCaptures(dataFolder, dirname(path))) {
    index.putCapture(session, ordinal, capture, await captureIndicators(capture, artifactReader(dataFolder)));
    captures++;
  }
  const late = await readLateFacts(join(dataFolder, dirname(path), NETWORK_FILE));
  if (late !== undefined) index.putLateNetwork(session, late);
  return captures;
}

import { join } from "node:path";
import { allIndicators } from "../../../evidence/indicators/all-indicators.ts";
import type { Indicator } from "../../../evidence/indicators/indicator.ts";
import { artifactReader } from "../../../evidence/indicators/read-artifact.ts";
import { readEvidence } from "../../../evidence/read.ts";
import type { FoundRecording } from "../../../index/find-recording.ts";
import { factsAfter, stayedAfter } from "../../../index/stayed.ts";
import type { ByteString } from "../../../model/bytes.ts";
import type { Endpoint } from "../../../model/endpoint.ts";
import { microsAt } from "../../../model/timestamps.ts";

/** What a bundle tells of one session. */
export interface StixSession {
  readonly session: string;
  readonly sensor: string;
  /** Microseconds since 1970. */
  readonly started: number;
  readonly ended: number;
  readonly source: Endpoint;
  readonly listenerPort: number;
  readonly loggedIn: boolean;
  readonly attempts: number;
  readonly user: ByteString | undefined;
  readonly commands: readonly { readonly entry: number; readonly text: ByteString }[];
  readonly indicators: readonly Indicator[];
}

/** Undefined: the recording does not even say when and from where. A damaged one is told of up to there. */
export async function readStixSession(
  dataFolder: string,
  found: FoundRecording,
): Promise<StixSession | undefined> {
  const { evidence } = await readEvidence(join(dataFolder, found.path));
  const { observations, summary } = evidence;
  const { opened } = summary;
  if (opened === undefined) return undefined;
  const stayed = await stayedAfter(dataFolder, found);
  const late = await factsAfter(dataFolder, found);
  const started = microsAt(opened.startedAt, 0n) || 0;
  return {
    session: opened.session,
    sensor: opened.sensor,
    started,
    ended: started + Number(summary.duration / 1000n),
    source: opened.source,
    listenerPort: opened.listener.port,
    loggedIn: summary.loggedIn,
    attempts: summary.attempts,
    user: summary.user,
    commands: observations.flatMap((one) =>
      one.kind === "command" ? [{ entry: one.entry, text: one.text }] : [],
    ),
    indicators: await allIndicators({ observations, stayed, late }, artifactReader(dataFolder)),
  };
}

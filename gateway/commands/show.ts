import { join } from "node:path";
import { allIndicators } from "../evidence/indicators/all-indicators.ts";
import { artifactReader } from "../evidence/indicators/read-artifact.ts";
import type { Observation } from "../evidence/observation.ts";
import { readEvidence } from "../evidence/read.ts";
import { findRecordings } from "../index/find-recording.ts";
import { factsAfter, stayedAfter } from "../index/stayed.ts";
import type { Change } from "../model/capture.ts";
import { MitsubakoError } from "../model/errors.ts";
import { escapeText } from "../model/bytes.ts";
import { TERMINAL } from "./human.ts";
import { sessionAsJson } from "./show-json.ts";
import { tellStory } from "./story.ts";
import type { SessionWhole } from "./story/whole.ts";
import { jsonText } from "../model/json.ts";

export interface ShowOptions {
  readonly data: string;
  readonly json?: boolean;
  /** The story in full, not a screenful. */
  readonly full?: boolean;
}

/** `mitsubako show SESSION`: one session as a short story. Throws `not-found`. */
export async function showCommand(
  idOrPrefix: string,
  options: ShowOptions,
  output = TERMINAL,
): Promise<number> {
  const session = await readSession(options.data, idOrPrefix);
  output.stdout.write(
    options.json === true
      ? `${jsonText(sessionAsJson(options.data, session))}\n`
      : tellStory(session, { now: output.now(), full: options.full === true }),
  );
  return session.state === "damaged" ? 1 : 0;
}

/** All that is known of a session, by its id or the beginning of one. Throws `not-found`. */
export async function readSession(dataFolder: string, idOrPrefix: string): Promise<SessionWhole> {
  const [recording, ...others] = findRecordings(dataFolder, idOrPrefix);
  if (recording === undefined)
    throw new MitsubakoError("not-found", `There is no session ${escapeText(idOrPrefix)} in ${dataFolder}.`, {
      remedy: "`mitsubako sessions` lists those that are.",
    });
  if (others.length > 0)
    throw new MitsubakoError(
      "not-found",
      `${others.length + 1} sessions begin with ${idOrPrefix}: ${[recording, ...others]
        .slice(0, 5)
        .map(({ session }) => session)
        .join(", ")}${others.length > 4 ? ", …" : ""}.`,
      { remedy: "Write more of the id." },
    );
  const read = await readEvidence(join(dataFolder, recording.path));
  const stayed = await stayedAfter(dataFolder, recording);
  const unattended = await factsAfter(dataFolder, recording);
  const observations = seenWritten(read.evidence.observations, stayed?.changes ?? []);
  const indicators = await allIndicators(
    { observations: read.evidence.observations, stayed, late: unattended },
    artifactReader(dataFolder),
  );
  const evidence = { ...read.evidence, observations };
  return {
    ...read,
    evidence,
    recording,
    unattended,
    indicators,
    ...(stayed === undefined ? {} : { stayed }),
  };
}

/** What shell commands were to write was written where the capture has that content. */
function seenWritten(observations: readonly Observation[], changes: readonly Change[]): Observation[] {
  const contents = new Set(changes.flatMap(({ kind, size, sha256 }) => (kind !== "D" && size !== 0 ? [sha256] : []))); // prettier-ignore
  return observations.map((one) =>
    one.kind === "dropped" && one.sha256 !== undefined && contents.has(one.sha256)
      ? { ...one, certainty: "written" }
      : one,
  );
}

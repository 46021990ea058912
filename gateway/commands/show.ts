import { dirname, join } from "node:path";
import type { Observation } from "../evidence/observation.ts";
import { readEvidence, type RecordingRead } from "../evidence/read.ts";
import { readCapture } from "../index/captures.ts";
import { findRecordings, type FoundRecording } from "../index/find-recording.ts";
import { IndexReader } from "../index/query.ts";
import type { Capture } from "../model/capture.ts";
import { MitsubakoError } from "../model/errors.ts";
import { escapeText } from "../model/bytes.ts";
import { asJson } from "./as-json.ts";
import { TERMINAL } from "./human.ts";
import { tellStory } from "./story.ts";

export interface ShowOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** All that is known of one session. */
export interface SessionWhole extends RecordingRead {
  readonly recording: FoundRecording;
  /** Of the sandbox it was in, with the session beside whose recording each lies. */
  readonly captures: readonly { readonly session: string; readonly capture: Capture }[];
}

/** `mitsubako show SESSION`: one session as a short story. Throws `not-found`. */
export async function showCommand(
  idOrPrefix: string,
  options: ShowOptions,
  output = TERMINAL,
): Promise<number> {
  const session = await readSession(options.data, idOrPrefix);
  output.stdout.write(
    options.json === true ? `${JSON.stringify(jsonOf(session))}\n` : tellStory(session, output.now()),
  );
  return session.state === "damaged" ? 1 : 0;
}

async function readSession(dataFolder: string, idOrPrefix: string): Promise<SessionWhole> {
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
  return { ...read, recording, captures: await capturesOf(dataFolder, recording) };
}

/** The capture may lie beside another session's recording: that of the last one that left the sandbox. The index knows. */
async function capturesOf(
  dataFolder: string,
  recording: FoundRecording,
): Promise<{ session: string; capture: Capture }[]> {
  const sessions = new Set<string>(recording.live ? [] : [recording.session]);
  {
    using index = IndexReader.open(dataFolder);
    for (const session of index?.capturesOf(recording.session) ?? []) sessions.add(session);
  }
  const captures: { session: string; capture: Capture }[] = [];
  for (const session of sessions) {
    const [found] = findRecordings(dataFolder, session);
    const capture = found === undefined ? undefined : await readCapture(dataFolder, dirname(found.path));
    if (capture !== undefined) captures.push({ session, capture });
  }
  return captures;
}

function jsonOf({ recording, evidence, state, damage, captures }: SessionWhole): unknown {
  const { summary, observations, leftOut } = evidence;
  return asJson({
    session: recording.session,
    recording: recording.path,
    state: recording.live ? "live" : state,
    ...(damage === undefined ? {} : { damage: damage.message }),
    summary: { ...summary, duration: Number(summary.duration) / 1e9 },
    observations: observations.map((one: Observation) => one),
    leftOut,
    captures,
  });
}

import { basename, dirname, join } from "node:path";
import { readLateFacts } from "../evidence/late-facts.ts";
import { readEvidence } from "../evidence/read.ts";
import { parseCaptureId, readCapture, readLastCapture } from "../index/captures.ts";
import { findRecording, findRecordings, type FoundRecording } from "../index/find-recording.ts";
import { IndexReader } from "../index/query.ts";
import { newAmong } from "../index/rows.ts";
import type { Capture, Change } from "../model/capture.ts";
import { MitsubakoError } from "../model/errors.ts";
import { NETWORK_FILE, openNetworkFile } from "../model/late-files.ts";
import { showMicros } from "../model/timestamps.ts";
import { escapeText } from "../model/bytes.ts";
import { asJson } from "./as-json.ts";
import { TERMINAL } from "./human.ts";
import { tellStory } from "./story.ts";
import type { SessionWhole, Stayed } from "./story/whole.ts";
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
      ? `${jsonText(jsonOf(session))}\n`
      : tellStory(session, { now: output.now(), full: options.full === true }),
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
  const stayed = await stayedAfter(dataFolder, recording);
  const unattended = await triedAfter(dataFolder, recording);
  return { ...read, recording, unattended, ...(stayed === undefined ? {} : { stayed }) };
}

/** While the sandbox lives its tries grow elsewhere: there first, as the file may be moved beside the recording in between. */
async function triedAfter(
  dataFolder: string,
  { session, path, live }: FoundRecording,
): Promise<SessionWhole["unattended"]> {
  if (live) return [];
  const folder = dirname(path);
  const open = join(dataFolder, openNetworkFile(basename(dirname(folder)), session));
  const read = (await readLateFacts(open)) ?? (await readLateFacts(join(dataFolder, folder, NETWORK_FILE)));
  return read?.facts ?? [];
}

/** The captures around the session may lie beside the recordings of others; the index knows. Without it: the one beside its own. */
async function stayedAfter(
  dataFolder: string,
  { session, path, live }: FoundRecording,
): Promise<Stayed | undefined> {
  let around: { readonly after: string; readonly before: string | undefined } | undefined;
  {
    using index = IndexReader.open(dataFolder);
    around = index?.capturesAround(session);
  }
  const after =
    (await captureBeside(dataFolder, around?.after)) ??
    (live ? undefined : await readLastCapture(dataFolder, dirname(path)));
  if (after === undefined) return undefined;
  const before = await captureBeside(dataFolder, around?.before);
  const { sandbox, takenAt, sessions, cut } = after;
  return { sandbox, takenAt, sessions, cut, changes: newAmong<Change>(after.changes, before?.changes ?? []) };
}

async function captureBeside(dataFolder: string, id: string | undefined): Promise<Capture | undefined> {
  if (id === undefined) return undefined;
  const { session, ordinal } = parseCaptureId(id);
  const found = findRecording(dataFolder, session);
  return found === undefined ? undefined : await readCapture(dataFolder, dirname(found.path), ordinal);
}

function jsonOf({ recording, evidence, state, damage, stayed, unattended }: SessionWhole): unknown {
  const { summary, observations, leftOut } = evidence;
  return asJson({
    session: recording.session,
    recording: recording.path,
    state: recording.live ? "live" : state,
    ...(damage === undefined ? {} : { damage: damage.message }),
    summary: { ...summary, duration: Number(summary.duration) / 1e9 },
    observations,
    leftOut,
    unattended: unattended.map(({ at, ...late }) => ({ at: showMicros(at), ...late })),
    ...(stayed === undefined ? {} : { stayed }),
  });
}

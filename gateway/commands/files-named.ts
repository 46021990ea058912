import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { witnessedFiles } from "../index/artifacts.ts";
import { parseCaptureId, readCapture } from "../index/captures.ts";
import { recordings, type FoundRecording } from "../index/find-recording.ts";
import { readIntoMemory } from "../index/in-memory.ts";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";

/**
 * The hash that a hash, the beginning of one (six characters at least), or the id of a file names.
 * @throws MitsubakoError `not-found`
 */
export async function resolveArtifact(dataFolder: string, what: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(what)) return what;
  const [, capture, place] = /^([0-9a-f]{12}(?:-[1-9]\d?)?)\.(\d+)$/.exec(what) ?? [];
  const [, session] = /^([0-9a-f]{12})\.[wl]\d+$/.exec(what) ?? [];
  const found =
    capture !== undefined
      ? await ofCapture(dataFolder, capture, Number(place))
      : session !== undefined
        ? await ofWitness(dataFolder, session, what)
        : ofBeginning(dataFolder, what);
  if (found?.sha256 !== undefined) return found.sha256;
  if (found !== undefined) {
    const why = found.leftOut === undefined ? "" : ` (${found.leftOut})`;
    throw new MitsubakoError("not-found", `The content of file ${what} was not kept${why}.`);
  }
  throw new MitsubakoError("not-found", `There is no file ${escapeText(what)}.`, {
    remedy: "`mitsubako files` lists those that are, by id and SHA-256.",
  });
}

interface Named {
  readonly sha256?: string | undefined;
  readonly leftOut?: string | undefined;
}

async function ofCapture(dataFolder: string, capture: string, place: number): Promise<Named | undefined> {
  const { session, ordinal } = parseCaptureId(capture);
  for (const { path } of recordingsOf(dataFolder, session)) {
    const change = (await readCapture(dataFolder, dirname(path), ordinal))?.changes[place];
    if (change !== undefined) return change;
  }
  return undefined;
}

async function ofWitness(dataFolder: string, session: string, id: string): Promise<Named | undefined> {
  using index = await readIntoMemory(dataFolder, recordingsOf(dataFolder, session), (message) => {
    throw new MitsubakoError("recording-damaged", message);
  });
  return witnessedFiles(index.ask, { session }).find((file) => file.id === id);
}

function ofBeginning(dataFolder: string, what: string): Named | undefined {
  if (!/^[0-9a-f]{6,63}$/.test(what)) return undefined;
  const [sha256, ...others] = artifactNames(dataFolder).filter((name) => name.startsWith(what));
  if (others.length > 0)
    throw new MitsubakoError("not-found", `${others.length + 1} artifacts begin with ${what}.`, {
      remedy: "Write more of the hash.",
    });
  return sha256 === undefined ? undefined : { sha256 };
}

function* recordingsOf(dataFolder: string, session: string): Generator<FoundRecording> {
  for (const recording of recordings(dataFolder)) if (recording.session === session) yield recording;
}

function artifactNames(dataFolder: string): string[] {
  try {
    return readdirSync(join(dataFolder, "artifacts")).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (cause) {
    throw new MitsubakoError("not-found", `${join(dataFolder, "artifacts")} cannot be read.`, { cause });
  }
}

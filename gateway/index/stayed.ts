import { basename, dirname, join } from "node:path";
import { readLateFacts, type LateFactRead } from "../evidence/late-facts.ts";
import type { Capture, Change } from "../model/capture.ts";
import { NETWORK_FILE, openNetworkFile } from "../model/late-files.ts";
import { parseCaptureId, readCapture, readLastCapture } from "./captures.ts";
import { findRecording, type FoundRecording } from "./find-recording.ts";
import { IndexReader } from "./query.ts";
import { newAmong } from "./rows.ts";

/**
 * The sandbox of a session as it was captured after it, with the changes that came about while it was there, less what services wrote by themselves. The captures around the
 * session may lie beside the recordings of others; the index knows. Without it: the one beside its own.
 */
export async function stayedAfter(
  dataFolder: string,
  { session, path, live }: FoundRecording,
): Promise<Capture | undefined> {
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
  return { ...after, changes: newAmong<Change>(news(after), news(before)) };
}

function news(capture: Capture | undefined): readonly Change[] {
  return capture?.changes.filter(({ grown }) => grown !== true) ?? [];
}

/** What its sandbox did when it was over. While the sandbox lives this grows elsewhere: there first, as the file may be moved in between. */
export async function factsAfter(
  dataFolder: string,
  { session, path, live }: FoundRecording,
): Promise<readonly LateFactRead[]> {
  if (live) return [];
  const folder = dirname(path);
  const open = join(dataFolder, openNetworkFile(basename(dirname(folder)), session));
  const read = (await readLateFacts(open)) ?? (await readLateFacts(join(dataFolder, folder, NETWORK_FILE)));
  return read?.facts ?? [];
}

async function captureBeside(dataFolder: string, id: string | undefined): Promise<Capture | undefined> {
  if (id === undefined) return undefined;
  const { session, ordinal } = parseCaptureId(id);
  const found = findRecording(dataFolder, session);
  return found === undefined ? undefined : await readCapture(dataFolder, dirname(found.path), ordinal);
}

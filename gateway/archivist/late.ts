import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Evidence } from "../evidence/extract.ts";
import { captureIndicators } from "../evidence/indicators/capture-indicators.ts";
import { artifactReader } from "../evidence/indicators/read-artifact.ts";
import { readLateFacts } from "../evidence/late-facts.ts";
import { capturedFileEvents } from "../events/captured-files.ts";
import type { EventEnvelope } from "../events/event-mapper.ts";
import { lateFactEvents } from "../events/late-facts.ts";
import { captureId, captureOrdinals, readCapture } from "../index/captures.ts";
import type { IndexStore } from "../index/store.ts";
import type { SessionId } from "../model/ids.ts";
import { NETWORK_FILE } from "../model/late-files.ts";
import type { Finishing } from "./finishing.ts";

/** One of the files that came to lie beside a recording after its session's end. */
export type LatePart =
  | { readonly kind: "capture"; readonly ordinal: number; readonly id: string }
  | { readonly kind: "network"; readonly id: SessionId };

/** Those that lie there, in the order in which they are told (model/late-files.ts). */
export function lateParts(session: SessionId, dataFolder: string, folder: string): LatePart[] {
  const captures = captureOrdinals(dataFolder, folder).map((ordinal): LatePart => {
    return { kind: "capture", ordinal, id: captureId(session, ordinal) };
  });
  return existsSync(join(dataFolder, folder, NETWORK_FILE))
    ? [...captures, { kind: "network", id: session }]
    : captures;
}

/** What of a finished session was read again. */
export interface FinishedSession {
  readonly session: SessionId;
  readonly folder: string;
  readonly evidence: Evidence;
  /** It has counted the session's own events. */
  readonly envelope: EventEnvelope | undefined;
}

/**
 * Makes events and rows of those parts that are to be told. The others' events are made and dropped, so that each event has
 * the number that it has when all is told at once.
 */
export async function finishLate(
  finished: FinishedSession,
  parts: readonly LatePart[],
  work: Finishing,
  isTold: (part: LatePart) => boolean = () => true,
): Promise<void> {
  for (const part of parts) {
    const told = isTold(part);
    if (part.kind === "capture") await finishCapture(finished, part.ordinal, told, work);
    else await finishNetwork(finished, told, work);
  }
}

export function isTaken(part: LatePart, index: IndexStore): boolean {
  return index.has(part.kind, part.id);
}

async function finishCapture(
  { session, folder, evidence, envelope }: FinishedSession,
  ordinal: number,
  isTold: boolean,
  { dataFolder, index, emit }: Finishing,
): Promise<void> {
  const capture = await readCapture(dataFolder, folder, ordinal);
  if (capture === undefined) return;
  const known = {
    seenBefore: (sha256: string) => index.seenBefore(sha256, capture.takenAt),
    toldBefore: (path: string, sha256: string) => index.toldBefore(capture, path, sha256),
  };
  const events =
    envelope === undefined ? [] : capturedFileEvents(envelope, capture, evidence.observations, known);
  if (!isTold) return;
  emit(session, events);
  const indicators = await captureIndicators(capture, artifactReader(dataFolder));
  index.putCapture(session, ordinal, capture, indicators);
}

async function finishNetwork(
  { session, folder, envelope }: FinishedSession,
  isTold: boolean,
  { dataFolder, index, emit, problem }: Finishing,
): Promise<void> {
  const path = join(folder, NETWORK_FILE);
  const read = await readLateFacts(join(dataFolder, path));
  if (read === undefined || !isTold) return;
  if (read.unreadable > 0) problem(`${path}: ${read.unreadable} lines are no facts.`);
  if (envelope !== undefined) emit(session, lateFactEvents(envelope, read.facts));
  index.putLateNetwork(session, read);
}

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Evidence } from "../evidence/extract.ts";
import { readEvidence } from "../evidence/read.ts";
import { capturedFileEvents } from "../events/captured-files.ts";
import type { EventContext } from "../events/cowrie.ts";
import type { CowrieEvent } from "../events/cowrie-event.ts";
import { EventMapper, type EventEnvelope, type FinishedRecording } from "../events/event-mapper.ts";
import { readCapture } from "../index/captures.ts";
import { RECORDING_FILE } from "../index/find-recording.ts";
import type { IndexStore } from "../index/store.ts";
import type { SessionId } from "../model/ids.ts";

export interface Finishing {
  readonly dataFolder: string;
  readonly context: EventContext;
  readonly index: IndexStore;
  /** Called with a session's events in their order, some at a time. The writer knows which it has written before. */
  readonly emit: (session: SessionId, events: readonly CowrieEvent[]) => void;
  readonly problem: (message: string) => void;
}

/**
 * What happens to a finished session, live, after a crash, and in a rebuild: its recording is read once from the start; what it
 * tells becomes evidence and events, then rows in the index; then the same for the capture of its sandbox, if there is one by now.
 * Doing it again gives the same events and rows.
 *
 * @param folder `recordings/<date>/<session>`
 */
export async function finishSession(session: SessionId, folder: string, work: Finishing): Promise<void> {
  const path = join(folder, RECORDING_FILE);
  const batch = new Batch((events) => {
    work.emit(session, events);
  });
  const mapper = new EventMapper(work.context);

  const read = await readEvidence(join(work.dataFolder, path), (at, observations) => {
    batch.add(mapper.observed(at, observations));
  });
  if (read.damage !== undefined)
    work.problem(`${path}: damaged at byte ${read.damage.offset}: ${read.damage.reason}.`);
  batch.add(mapper.close(await recordingFacts(work.dataFolder, path)));
  batch.flush();

  work.index.putFinished(path, read.state, read.evidence);
  await finishCapture(session, folder, read.evidence, mapper.envelope, work);
}

/** A capture that was taken when its session had been finished already: its recording is read again for what it says of the files. */
export async function finishLateCapture(session: SessionId, folder: string, work: Finishing): Promise<void> {
  const path = join(folder, RECORDING_FILE);
  const mapper = new EventMapper(work.context);
  const { evidence } = await readEvidence(join(work.dataFolder, path), (at, observations) => {
    mapper.observed(at, observations);
  });
  mapper.close({ path, size: 0, sha256: "" });
  await finishCapture(session, folder, evidence, mapper.envelope, work);
}

async function finishCapture(
  session: SessionId,
  folder: string,
  evidence: Evidence,
  envelope: EventEnvelope | undefined,
  { dataFolder, index, emit }: Finishing,
): Promise<void> {
  const capture = await readCapture(dataFolder, folder);
  if (capture === undefined) return;
  const known = {
    seenBefore: (sha256: string) => index.seenBefore(sha256, capture.takenAt),
    toldBefore: (path: string, sha256: string) => index.toldBefore(capture, path, sha256),
  };
  if (envelope !== undefined)
    emit(session, capturedFileEvents(envelope, capture, evidence.observations, known));
  index.putCapture(session, capture);
}

async function recordingFacts(dataFolder: string, path: string): Promise<FinishedRecording> {
  const hash = createHash("sha256");
  const { size } = await stat(join(dataFolder, path));
  await pipeline(createReadStream(join(dataFolder, path), { highWaterMark: 1024 * 1024 }), hash);
  return { path, size, sha256: hash.digest("hex") };
}

/** Events on their way, so that a long session is neither one write for each nor held whole. */
class Batch {
  readonly #out: (events: readonly CowrieEvent[]) => void;
  #events: CowrieEvent[] = [];

  constructor(out: (events: readonly CowrieEvent[]) => void) {
    this.#out = out;
  }

  add(events: readonly CowrieEvent[]): void {
    this.#events.push(...events);
    if (this.#events.length >= 256) this.flush();
  }

  flush(): void {
    if (this.#events.length > 0) this.#out(this.#events);
    this.#events = [];
  }
}

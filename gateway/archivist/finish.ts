import { join } from "node:path";
import { readLateFacts } from "../evidence/late-facts.ts";
import { readEvidence } from "../evidence/read.ts";
import type { CowrieEvent } from "../events/cowrie-event.ts";
import { EventMapper } from "../events/event-mapper.ts";
import type { SessionId } from "../model/ids.ts";
import { NETWORK_FILE } from "../model/late-files.ts";
import { RECORDING_FILE } from "../model/recording-file.ts";
import { hashOfPlain } from "../recording/plain-hash.ts";
import type { Finishing } from "./finishing.ts";
import { finishLate, isTaken, lateParts } from "./late.ts";

/**
 * What happens to a finished session, live, after a crash, and in a rebuild: its recording is read once from the start; what it
 * tells becomes evidence and events, then rows in the index; then the same for what lies beside it by now: captures, and what was tried on the network later.
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
  batch.add(mapper.close({ path, ...(await hashOfPlain(join(work.dataFolder, path))) }));
  batch.flush();

  work.index.putFinished(path, read.state, read.evidence);
  const finished = { session, folder, evidence: read.evidence, envelope: mapper.envelope };
  await finishLate(finished, lateParts(session, work.dataFolder, folder), work);
}

/**
 * What came to lie beside a recording when its session had been finished already: the recording is read again for what it says of
 * captured files, and for how many events there are before.
 */
export async function finishLater(session: SessionId, folder: string, work: Finishing): Promise<void> {
  const parts = lateParts(session, work.dataFolder, folder);
  const taken = new Set(parts.filter((part) => isTaken(part, work.index)));
  if (taken.size === parts.length) return;
  const path = join(folder, RECORDING_FILE);
  const mapper = new EventMapper(work.context);
  const { evidence } = await readEvidence(join(work.dataFolder, path), (at, observations) => {
    mapper.observed(at, observations);
  });
  mapper.close({ path, size: 0, sha256: "" });
  const finished = { session, folder, evidence, envelope: mapper.envelope };
  await finishLate(finished, parts, work, (part) => !taken.has(part));
}

/** Something was dropped from a finished session's recording: the index forgets it. Its events stay as they were sent. */
export async function tellRedacted(session: SessionId, folder: string, work: Finishing): Promise<void> {
  // One that is still to be taken in is taken in as it is by then.
  if (!work.index.has("session", session)) return;
  const path = join(folder, RECORDING_FILE);
  const { state, evidence } = await readEvidence(join(work.dataFolder, path));
  const late = work.index.has("network", session)
    ? await readLateFacts(join(work.dataFolder, folder, NETWORK_FILE))
    : undefined;
  work.index.putRedacted(path, state, evidence, late);
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

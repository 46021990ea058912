import { createReadStream, existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { markersOf, MOST_MARKERS } from "../evidence/markers.ts";
import { readEvidence } from "../evidence/read.ts";
import { recordings } from "../index/find-recording.ts";
import type { SessionId } from "../model/ids.ts";
import { LEDGER_FILE, readLedgerLine } from "../model/ledger.ts";
import { RECORDING_FILE, sealingFile } from "../model/recording-file.ts";
import type { Marker } from "../recording/marker.ts";
import { sealRecording } from "../recording/seal.ts";
import { openSource } from "../recording/source.ts";

export interface SealingOptions {
  readonly dataFolder: string;
  /** Sealed to `sealingFile`: the warden is to put it in its place, and to say `taken`. */
  readonly sealed: (session: SessionId, folder: string) => void;
  readonly problem: (message: string) => void;
}

/**
 * Seals finished recordings in the background, one at a time: each is in its place before the next is begun, so that the disk
 * holds no more than one of them twice. What a stop or a crash leaves is sealed after the next start.
 */
export class Sealing {
  readonly #options: SealingOptions;
  /** With their folders, `recordings/<date>/<session>`. */
  readonly #waiting = new Map<SessionId, string>();
  #current: SessionId | undefined;
  readonly #stop = new AbortController();

  constructor(options: SealingOptions) {
    this.#options = options;
  }

  add(session: SessionId, folder: string): void {
    if (this.#isStopped() || this.#current === session) return;
    this.#waiting.set(session, folder);
    if (this.#current === undefined) void this.#next();
  }

  /** Adds every recording that the ledger does not know. */
  async addUnsealed(): Promise<void> {
    const { dataFolder, problem } = this.#options;
    try {
      const known = await sessionsInLedger(join(dataFolder, LEDGER_FILE));
      for (const { session, path, live } of recordings(dataFolder))
        if (!live && !known.has(session)) this.add(session, dirname(path));
    } catch (error) {
      problem(`What is not sealed yet could not be found: ${said(error)}`);
    }
  }

  /** Its recording is there no more. */
  drop(session: SessionId): void {
    this.#waiting.delete(session);
  }

  /** The warden has put it in its place, or would not have it. */
  taken(session: SessionId): void {
    if (this.#current !== session) return;
    this.#current = undefined;
    void this.#next();
  }

  stop(): void {
    this.#stop.abort();
    this.#waiting.clear();
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #next(): Promise<void> {
    const [first] = this.#waiting;
    if (first === undefined || this.#isStopped()) return;
    const [session, folder] = first;
    this.#waiting.delete(session);
    this.#current = session;
    try {
      const isSealed = await this.#seal(session, folder);
      if (this.#isStopped()) return;
      if (isSealed) this.#options.sealed(session, folder);
      else this.taken(session);
    } catch (error) {
      this.#options.problem(`Session ${session} could not be sealed, and stays as it is: ${said(error)}`);
      // On a full disk half of it would only take room.
      await rm(join(this.#options.dataFolder, sealingFile(session)), { force: true }).catch(() => undefined);
      this.taken(session);
    }
  }

  /** False: it is in its place already, as when the index is made anew. */
  async #seal(session: SessionId, folder: string): Promise<boolean> {
    const { dataFolder } = this.#options;
    const from = join(dataFolder, folder, RECORDING_FILE);
    const to = join(dataFolder, sealingFile(session));
    if (await isSealedAlready(from)) return false;
    await mkdir(dirname(to), { recursive: true });
    await rm(to, { force: true });
    await sealRecording(from, to, session, await markersIn(from));
    return true;
  }
}

async function isSealedAlready(path: string): Promise<boolean> {
  await using source = await openSource(path);
  return source.sealed !== undefined;
}

async function markersIn(path: string): Promise<Marker[]> {
  const markers: Marker[] = [];
  await readEvidence(path, (_, observations, offset) => {
    if (markers.length < MOST_MARKERS) markers.push(...markersOf(observations, offset));
  });
  return markers.slice(0, MOST_MARKERS);
}

/** Unsigned lines too: whoever can write there can do worse, and `verify` tells. */
async function sessionsInLedger(path: string): Promise<Set<string>> {
  const sessions = new Set<string>();
  if (!existsSync(path)) return sessions;
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  for await (const line of lines) {
    const entry = readLedgerLine(line, undefined);
    if (entry !== undefined) sessions.add(entry.session);
  }
  return sessions;
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

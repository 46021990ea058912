import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { markersOf, MOST_MARKERS } from "../evidence/markers.ts";
import { readEvidence } from "../evidence/read.ts";
import { recordings } from "../index/find-recording.ts";
import type { SessionId } from "../model/ids.ts";
import { RECORDING_FILE, sealingFile } from "../model/recording-file.ts";
import { readLedger } from "./ledger.ts";
import type { Marker } from "../recording/marker.ts";
import { RecordingDamaged } from "../recording/damage.ts";
import { CredentialDropper } from "../recording/redact.ts";
import { sealChanged, sealRecording } from "../recording/seal.ts";
import { openSource } from "../recording/source.ts";

export interface SealingOptions {
  readonly dataFolder: string;
  /** Sealed to `sealingFile`: the warden is to put it in its place, and to say `taken`. */
  readonly sealed: (session: SessionId, folder: string) => void;
  /** Without its passwords in `sealingFile`; unchanged: it has none, and nothing is there. The same is to follow. */
  readonly redacted: (session: SessionId, redaction: Redacted) => void;
  readonly problem: (message: string) => void;
}

export interface Redacted {
  readonly folder: string;
  /** Where the ledger vouches for it. */
  readonly line: number;
  readonly unchanged: boolean;
}

/** What is to be done with a recording. */
interface Job {
  /** `recordings/<date>/<session>` */
  readonly folder: string;
  /** Of one that is sealed: its passwords are to be dropped. */
  readonly line?: number;
}

/**
 * Seals finished recordings, and drops passwords from sealed ones, in the background, one at a time: each is in its place before the
 * next is begun, so that the disk holds no more than one of them twice. What a stop or a crash leaves is done after the next start.
 */
export class Sealing {
  readonly #options: SealingOptions;
  readonly #waiting = new Map<SessionId, Job>();
  /** To lose their passwords, once nothing waits to be sealed: after a change of the policy these may be all that there are. */
  readonly #redactions = new Map<SessionId, Job>();
  /** Not what was sealed: nothing can be dropped of these. */
  readonly #failed = new Set<SessionId>();
  #current: SessionId | undefined;
  readonly #stop = new AbortController();

  constructor(options: SealingOptions) {
    this.#options = options;
  }

  add(session: SessionId, folder: string): void {
    this.#add(this.#waiting, session, { folder });
  }

  /** @param line where in the ledger the line begins by which the recording is sealed. */
  addRedaction(session: SessionId, folder: string, line: number): void {
    if (!this.#failed.has(session)) this.#add(this.#redactions, session, { folder, line });
  }

  /** Adds every recording that the ledger does not know. */
  async addUnsealed(): Promise<void> {
    const { dataFolder, problem } = this.#options;
    try {
      const known = await readLedger(dataFolder);
      for (const { session, path, live } of recordings(dataFolder))
        if (!live && !known.has(session)) this.add(session, dirname(path));
    } catch (error) {
      problem(`What is not sealed yet could not be found: ${said(error)}`);
    }
  }

  /** Its recording is there no more. */
  drop(session: SessionId): void {
    this.#waiting.delete(session);
    this.#redactions.delete(session);
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
    this.#redactions.clear();
  }

  #add(waiting: Map<SessionId, Job>, session: SessionId, job: Job): void {
    if (this.#isStopped() || this.#current === session) return;
    waiting.set(session, job);
    if (this.#current === undefined) void this.#next();
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #next(): Promise<void> {
    const [first] = this.#waiting.size > 0 ? this.#waiting : this.#redactions;
    if (first === undefined || this.#isStopped()) return;
    const [session, job] = first;
    (job.line === undefined ? this.#waiting : this.#redactions).delete(session);
    this.#current = session;
    try {
      const tell = await this.#done(session, job);
      if (!this.#isStopped()) tell();
    } catch (error) {
      const what = job.line === undefined ? "could not be sealed" : "could not lose its passwords";
      this.#options.problem(`Session ${session} ${what}, and stays as it is: ${said(error)}`);
      if (error instanceof RecordingDamaged) this.#failed.add(session);
      // On a full disk half of it would only take room.
      await rm(join(this.#options.dataFolder, sealingFile(session)), { force: true }).catch(() => undefined);
      this.taken(session);
    }
  }

  /** @returns what is to be told when it is done. */
  async #done(session: SessionId, { folder, line }: Job): Promise<() => void> {
    const { dataFolder, sealed, redacted } = this.#options;
    const from = join(dataFolder, folder, RECORDING_FILE);
    const to = join(dataFolder, sealingFile(session));
    await mkdir(dirname(to), { recursive: true });
    await rm(to, { force: true });
    if (line !== undefined) {
      const unchanged = !(await dropPasswords(from, to));
      return () => {
        redacted(session, { folder, line, unchanged });
      };
    }
    // As when the index is made anew.
    if (await isSealedAlready(from))
      return () => {
        this.taken(session);
      };
    await sealRecording(from, to, session, await markersIn(from));
    return () => {
      sealed(session, folder);
    };
  }
}

/** False: there was none, and nothing is in `to`. */
async function dropPasswords(from: string, to: string): Promise<boolean> {
  const dropper = new CredentialDropper();
  await sealChanged(from, to, dropper);
  const { credentials, unread } = dropper.dropped;
  if (credentials + unread > 0) return true;
  await rm(to);
  return false;
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

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { chown, lstat, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Capture } from "../model/capture.ts";
import { isSessionId, type SessionId } from "../model/ids.ts";
import type { Archivist } from "./archivist.ts";
import { handOver, livePath, recordingFolder } from "./hand-over.ts";

/** Captures and finished recordings on their way to the archivist. */
export class Recordings {
  readonly #data: string;
  readonly #readers: number;
  readonly #archivist: Archivist;
  readonly #log: Logger;
  /** Of sessions since this start: a sandbox's capture names its last one, which may be long over. */
  readonly #startedAt = new Map<SessionId, Date>();
  readonly #pending = new Set<Promise<void>>();

  constructor(data: string, readers: number, archivist: Archivist, log: Logger) {
    this.#data = data;
    this.#readers = readers;
    this.#archivist = archivist;
    this.#log = log;
  }

  opened(front: number, session: SessionId, startedAt: Date): void {
    this.#startedAt.set(session, startedAt);
    this.#archivist.tell({ kind: "session-opened", session, path: livePath(front, session) });
  }

  /** Takes a finished recording over; a failure is logged, and the next start tries again. */
  finished(front: number, session: SessionId, startedAt: Date): Promise<void> {
    return this.#track(async () => {
      const path = await handOver(this.#data, front, session, startedAt, this.#readers);
      this.#archivist.tell({ kind: "session-finished", session, path });
    });
  }

  /** Puts a capture beside the recording of the session whose end caused it. */
  captured(capture: Capture): Promise<void> {
    return this.#track(async () => {
      const session = capture.sessions.at(-1);
      const startedAt = session && this.#startedAt.get(session);
      if (!session || !startedAt) return;
      const path = recordingFolder(session, startedAt);
      const file = join(this.#data, path, "capture.json");
      await writeFile(`${file}.new`, JSON.stringify(capture), { mode: 0o640 });
      await chown(`${file}.new`, 0, this.#readers);
      await rename(`${file}.new`, file);
      this.#archivist.tell({ kind: "capture", session, path });
    });
  }

  /** What fronts of an earlier life have left: their recordings are whole up to where they died. */
  async recover(): Promise<void> {
    for (const front of await readdir(join(this.#data, "live"))) {
      if (!/^\d+$/.test(front)) continue;
      for (const name of await readdir(join(this.#data, "live", front))) {
        const session = name.replace(/\.mbr$/, "");
        if (!isSessionId(session)) continue;
        // Whatever a front has put there must not keep the gateway from starting: `finished` logs what is no recording.
        const found = await lstat(join(this.#data, "live", front, name)).catch(() => undefined);
        if (found) await this.finished(Number(front), session, found.birthtime);
      }
    }
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #track(work: () => Promise<void>): Promise<void> {
    const done = work().catch((error: unknown) => {
      this.#log.error({ err: error }, "a recording could not be put in its place");
    });
    this.#pending.add(done);
    void done.finally(() => this.#pending.delete(done));
    return done;
  }
}

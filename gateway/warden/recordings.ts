import { chown, lstat, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Capture } from "../model/capture.ts";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { captureFile, MOST_CAPTURES, type LateFact } from "../model/late-files.ts";
import type { Archivist } from "./archivist.ts";
import { handOver, handOverTaken, leftInTaken, livePath, recordingFolder } from "./hand-over.ts";
import { UnattendedFacts } from "./unattended-facts.ts";

/** A session that may still be told of: it lives, or a sandbox that it was in does. */
interface Known {
  readonly startedAt: Date;
  /** Its recording was taken over. */
  isOver: boolean;
  readonly over: PromiseWithResolvers<undefined>;
  captures: number;
  /** What is put beside its recording, one after the other, once that is there. */
  late: Promise<void>;
}

/** Finished recordings on their way to the archivist, and what comes to lie beside them. */
export class Recordings {
  readonly #data: string;
  readonly #readers: number;
  readonly #archivist: Pick<Archivist, "tell">;
  readonly #log: Logger;
  readonly #unattended: UnattendedFacts;
  readonly #known = new Map<SessionId, Known>();
  readonly #pending = new Set<Promise<void>>();

  constructor(data: string, readers: number, archivist: Pick<Archivist, "tell">, log: Logger) {
    this.#data = data;
    this.#readers = readers;
    this.#archivist = archivist;
    this.#log = log;
    this.#unattended = new UnattendedFacts(data, readers);
  }

  opened(front: number, session: SessionId, startedAt: Date): void {
    const over = Promise.withResolvers<undefined>();
    this.#known.set(session, { startedAt, isOver: false, over, captures: 0, late: over.promise });
    this.#archivist.tell({ kind: "session-opened", session, path: livePath(front, session) });
  }

  /** Takes a finished recording over; a failure is logged, and the next start tries again. */
  finished(front: number, session: SessionId, startedAt: Date): Promise<void> {
    return this.#track(async () => {
      const known = this.#known.get(session);
      try {
        const path = await handOver(this.#data, front, session, startedAt, this.#readers);
        if (path !== undefined) this.#archivist.tell({ kind: "session-finished", session, path });
        else {
          this.#log.warn({ session }, "its front died before it had begun the recording, and said nothing");
          this.#archivist.tell({ kind: "session-vanished", session });
        }
      } finally {
        if (known) known.isOver = true;
        known?.over.resolve(undefined);
      }
    });
  }

  /**
   * Puts a capture beside the recording of the session whose end caused it, and beside its earlier ones: a session that was in two
   * sandboxes may have caused one of each. That of a session which still lives is put there when it is over, and is not waited for.
   */
  captured(capture: Capture): Promise<void> {
    const session = capture.sessions.at(-1);
    const known = session && this.#known.get(session);
    if (!session || !known) return Promise.resolve();
    const put = this.#inTurn(known, async () => {
      if (known.captures >= MOST_CAPTURES) throw new Error(`session ${session} has too many captures`);
      const path = recordingFolder(session, known.startedAt);
      const file = join(this.#data, path, captureFile(known.captures + 1));
      await writeFile(`${file}.new`, JSON.stringify(capture), { mode: 0o640 });
      await chown(`${file}.new`, 0, this.#readers);
      await rename(`${file}.new`, file);
      known.captures++;
      this.#archivist.tell({ kind: "capture", session, path });
    });
    return known.isOver ? put : Promise.resolve();
  }

  /** Keeps what a sandbox tried on its network when the last session had left it. False: the session's bounds are reached. */
  unattended(session: SessionId, late: LateFact): boolean {
    const known = this.#known.get(session);
    return (
      known !== undefined && this.#unattended.append(session, recordingFolder(session, known.startedAt), late)
    );
  }

  /** It goes on, or a sandbox that it was in does. */
  isNeeded(session: SessionId): boolean {
    return this.#known.has(session);
  }

  /**
   * No sandbox is left that the session was in. If it is over, nothing will be captured and nothing tried for it any more: what was
   * tried in its absence is put beside its recording as the last there.
   */
  closed(session: SessionId): Promise<void> {
    const known = this.#known.get(session);
    if (!known?.isOver) return Promise.resolve();
    this.#known.delete(session);
    return this.#inTurn(known, () => {
      const path = recordingFolder(session, known.startedAt);
      if (this.#unattended.close(session, path)) this.#archivist.tell({ kind: "network", session, path });
      return Promise.resolve();
    });
  }

  /** What fronts of an earlier life have left: their recordings are whole up to where they died. Then what sandboxes have. */
  async recover(): Promise<void> {
    for (const session of await leftInTaken(this.#data))
      await this.#track(async () => {
        const path = await handOverTaken(this.#data, session, this.#readers);
        if (path !== undefined) this.#archivist.tell({ kind: "session-finished", session, path });
      });
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
    for (const { session, folder } of this.#unattended.leftovers())
      await this.#track(() => {
        this.#unattended.closeLeftover(session, folder);
        return Promise.resolve();
      });
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #inTurn(known: Known, work: () => Promise<void>): Promise<void> {
    return this.#track(() => {
      const done = known.late.then(work);
      known.late = done.catch(() => undefined); // logged by who asked
      return done;
    });
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

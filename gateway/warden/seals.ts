import { lstat, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { isSealedEntry, type LedgerFact, type RemovalReason } from "../model/ledger.ts";
import { RECORDING_FILE, sealingFile, TAKEN_FOLDER } from "../model/recording-file.ts";
import { Ledger } from "./ledger.ts";
import { hashOfUnsealed, READ, sealIn } from "./sealed-file.ts";

const RECORDING_FOLDER = /^recordings\/(\d{4}-\d\d-\d\d)\/([0-9a-f]{12})$/;

export interface SealsOptions {
  readonly data: string;
  /** The group that may read recordings. */
  readonly readers: number;
  /** Whether the policy in force wants the passwords of such a session dropped. Not, if absent. */
  readonly dropsCredentials?: (session: SessionId, day: string) => boolean;
  readonly log: Logger;
}

/** What the archivist says of a recording whose passwords it has dropped. */
export interface Redaction {
  readonly session?: unknown;
  readonly path?: unknown;
  readonly line?: unknown;
  readonly unchanged?: unknown;
}

/**
 * Puts what the archivist has sealed into the place of what it sealed, once the ledger vouches for both. The archivist has read what
 * strangers sent, and is not trusted: what it gives is moved where only root goes, looked at by its fixed parts alone, and never
 * takes the place of a recording that is sealed already, but for the one rule by which passwords are dropped: once for each recording,
 * where the policy wants it, and where the ledger vouches for what is there.
 */
export class Seals implements AsyncDisposable {
  readonly #options: SealsOptions;
  readonly #ledger: Ledger;
  #last: Promise<void> = Promise.resolve();

  private constructor(options: SealsOptions, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
  }

  /**
   * Ends first what a gateway that was killed had begun.
   *
   * @throws MitsubakoError `data-unusable` when the ledger or its key cannot be read.
   */
  static async open(options: SealsOptions): Promise<Seals> {
    const seals = new Seals(options, await Ledger.open(options.data, options.readers));
    await seals.#recover();
    return seals;
  }

  /** @param folder as the archivist says it. Resolves when it is in its place, or when it was logged why not. */
  take(session: unknown, folder: unknown): Promise<void> {
    return this.#inTurn(session, folder, "a sealed recording was not taken; it stays unsealed", (id, day) =>
      this.#take(id, day),
    );
  }

  /** As `take`, of one whose passwords were dropped. */
  redact({ session, path, line, unchanged }: Redaction): Promise<void> {
    return this.#inTurn(session, path, "a recording without its passwords was not taken", (id, day) =>
      this.#redact(id, day, typeof line === "number" ? line : -1, unchanged === true),
    );
  }

  /** Writes down that a recording goes. Rejects when that could not be written. */
  async removing(session: SessionId, reason: RemovalReason): Promise<void> {
    const done = this.#last.then(() => this.#ledger.append({ session, removed: reason }));
    this.#last = done.catch(() => undefined); // whoever asked is told
    await done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#ledger[Symbol.asyncDispose]();
  }

  /** What the ledger vouches for comes to its place, the rest goes. */
  async #recover(): Promise<void> {
    const { data, log } = this.#options;
    const folder = join(data, TAKEN_FOLDER);
    for (const name of await readdir(folder).catch(() => [])) {
      const [, day, session] = /^(\d{4}-\d\d-\d\d)\.([0-9a-f]{12})\.sealed$/.exec(name) ?? [];
      if (day === undefined || !isSessionId(session)) continue;
      const from = join(folder, name);
      try {
        const { last } = this.#ledger;
        if (
          last !== undefined &&
          "seal" in last &&
          last.session === session &&
          last.seal === (await sealIn(from, session))
        )
          await rename(from, join(data, "recordings", day, session, RECORDING_FILE));
        else await rm(from);
      } catch (error) {
        log.error({ err: error, session }, "what was left of a sealing could not be put in its place");
        await rm(from, { recursive: true, force: true });
      }
    }
  }

  #inTurn(
    session: unknown,
    folder: unknown,
    failure: string,
    work: (session: SessionId, day: string) => Promise<void>,
  ): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        const [, day, named] = typeof folder === "string" ? (RECORDING_FOLDER.exec(folder) ?? []) : [];
        if (!isSessionId(session) || day === undefined || named !== session)
          throw new Error("it names no recording");
        await work(session, day);
      } catch (error) {
        this.#options.log.error({ err: error, session }, failure);
      }
    });
    return this.#last;
  }

  async #take(session: SessionId, day: string): Promise<void> {
    await this.#replace(session, day, async (recording, seal) => {
      return { session, plain: await hashOfUnsealed(recording), seal };
    });
  }

  async #redact(session: SessionId, day: string, at: number, isUnchanged: boolean): Promise<void> {
    const { data, dropsCredentials } = this.#options;
    if (dropsCredentials?.(session, day) !== true) throw new Error("the policy does not want it");
    const was = await sealIn(join(data, "recordings", day, session, RECORDING_FILE), session);
    const line = await this.#ledger.lineAt(at);
    if (line?.session !== session || !isSealedEntry(line) || line.seal !== was)
      throw new Error("the ledger does not vouch for what is there, or something of it was dropped already");
    const fact = { session, redacted: "credentials", was } as const;
    if (isUnchanged) await this.#ledger.append({ ...fact, seal: was });
    else await this.#replace(session, day, (_, seal) => Promise.resolve({ ...fact, seal }));
  }

  /** @param fact what the ledger is to say; it says it before the file is in its place. */
  async #replace(
    session: SessionId,
    day: string,
    fact: (recording: string, seal: string) => Promise<LedgerFact>,
  ): Promise<void> {
    const { data, readers } = this.#options;
    const sealed = join(data, TAKEN_FOLDER, `${day}.${session}.sealed`);
    const to = join(data, "recordings", day, session, RECORDING_FILE);
    // Moved first: from here on nobody else can change it.
    await rename(join(data, sealingFile(session)), sealed);
    try {
      const stat = await lstat(sealed);
      if (!stat.isFile() || stat.nlink !== 1)
        throw new Error("what was sealed is no plain file with one name");
      const line = await fact(to, await sealIn(sealed, session));
      await using file = await open(sealed, READ);
      await file.chown(0, readers);
      await file.chmod(0o640);
      await file.datasync();
      await this.#ledger.append(line);
      await rename(sealed, to);
    } catch (error) {
      await rm(sealed, { recursive: true, force: true });
      throw error;
    }
  }
}

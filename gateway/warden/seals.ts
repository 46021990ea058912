import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { isSessionId, type SessionId } from "../model/ids.ts";
import type { RemovalReason } from "../model/ledger.ts";
import { RECORDING_FILE, sealingFile, TAKEN_FOLDER } from "../model/recording-file.ts";
import { decodeFooter, FOOTER_SIZE, isSealed, sealOf, SEALED_HEADER_SIZE } from "../recording/seal-footer.ts";
import { Ledger } from "./ledger.ts";

const READ = constants.O_RDONLY | constants.O_NOFOLLOW;
const RECORDING_FOLDER = /^recordings\/(\d{4}-\d\d-\d\d)\/([0-9a-f]{12})$/;
/** Hashed at a time, so that this process stays quick to answer. */
const PART = 1024 * 1024;

export interface SealsOptions {
  readonly data: string;
  /** The group that may read recordings. */
  readonly readers: number;
  readonly log: Logger;
}

/**
 * Puts what the archivist has sealed into the place of what it sealed, once the ledger vouches for both. The archivist has read what
 * strangers sent, and is not trusted: what it gives is moved where only root goes, looked at by its fixed parts alone, and never
 * takes the place of a recording that is sealed already.
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
    this.#last = this.#last.then(async () => {
      try {
        const [, day, named] = typeof folder === "string" ? (RECORDING_FOLDER.exec(folder) ?? []) : [];
        if (!isSessionId(session) || day === undefined || named !== session)
          throw new Error("it names no recording");
        await this.#take(session, day);
      } catch (error) {
        this.#options.log.error(
          { err: error, session },
          "a sealed recording was not taken; it stays unsealed",
        );
      }
    });
    return this.#last;
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
      if (day === undefined || session === undefined) continue;
      const from = join(folder, name);
      try {
        const { last } = this.#ledger;
        if (
          last !== undefined &&
          "seal" in last &&
          last.session === session &&
          last.seal === (await sealIn(from))
        )
          await rename(from, join(data, "recordings", day, session, RECORDING_FILE));
        else await rm(from);
      } catch (error) {
        log.error({ err: error, session }, "what was left of a sealing could not be put in its place");
        await rm(from, { recursive: true, force: true });
      }
    }
  }

  async #take(session: SessionId, day: string): Promise<void> {
    const { data, readers } = this.#options;
    const sealed = join(data, TAKEN_FOLDER, `${day}.${session}.sealed`);
    const to = join(data, "recordings", day, session, RECORDING_FILE);
    // Moved first: from here on nobody else can change it.
    await rename(join(data, sealingFile(session)), sealed);
    try {
      const plain = await hashOfUnsealed(to);
      const stat = await lstat(sealed);
      if (!stat.isFile() || stat.nlink !== 1)
        throw new Error("what was sealed is no plain file with one name");
      const seal = await sealIn(sealed);
      await using file = await open(sealed, READ);
      await file.chown(0, readers);
      await file.chmod(0o640);
      await file.datasync();
      await this.#ledger.append({ session, plain, seal });
      await rename(sealed, to);
    } catch (error) {
      await rm(sealed, { recursive: true, force: true });
      throw error;
    }
  }
}

async function hashOfUnsealed(path: string): Promise<{ bytes: number; sha256: string }> {
  await using file = await open(path, READ);
  const hash = createHash("sha256");
  const part = Buffer.allocUnsafe(PART);
  let bytes = 0;
  for (let read; (read = await readAt(file, part, bytes)) > 0; bytes += read) {
    if (bytes === 0 && isSealed(part.subarray(0, read))) throw new Error("it is sealed already");
    hash.update(part.subarray(0, read));
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Read from the header and the index; throws when the file has not the parts of a sealed recording. */
async function sealIn(path: string): Promise<string> {
  await using file = await open(path, READ);
  const { size } = await file.stat();
  const last = Buffer.alloc(FOOTER_SIZE);
  await readAt(file, last, Math.max(0, size - FOOTER_SIZE));
  const footer = decodeFooter(last, size);
  if (footer === undefined) throw new Error("it does not end as a sealed recording");
  const header = Buffer.alloc(SEALED_HEADER_SIZE);
  const index = Buffer.alloc(footer.indexSize);
  await readAt(file, header, 0);
  await readAt(file, index, footer.indexAt);
  if (!isSealed(header) || sealOf(header, index) !== footer.seal)
    throw new Error("its seal is not that of its index");
  return footer.seal;
}

async function readAt(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  return (await file.read(buffer, 0, buffer.length, position)).bytesRead;
}

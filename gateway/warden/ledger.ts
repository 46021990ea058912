import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rename, rm, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import {
  hashOfLine,
  LEDGER_FILE,
  LEDGER_PUBLIC_KEY,
  ledgerLine,
  NO_PREVIOUS,
  readLedgerLine,
  type LedgerEntry,
  type LedgerFact,
} from "../model/ledger.ts";
import { isMissing } from "../model/missing.ts";

const KEY_FILE = "keys/ledger.key";
/** More than any line has. */
const TAIL = 64 * 1024;
const APPEND = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

/** The signed list of what was sealed and what was removed. Only root writes it; the key never leaves `keys/`. */
export class Ledger implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #key: KeyObject;
  #last: LedgerEntry | undefined;
  #previous: string;

  private constructor(
    file: FileHandle,
    key: KeyObject,
    last: { readonly entry: LedgerEntry | undefined; readonly hash: string },
  ) {
    this.#file = file;
    this.#key = key;
    this.#last = last.entry;
    this.#previous = last.hash;
  }

  /**
   * Goes on where the last gateway stopped: a line that it did not finish is taken away, for nothing was sealed by it.
   *
   * @throws MitsubakoError `data-unusable` when the ledger's end or its key cannot be read.
   */
  static async open(data: string, readers: number): Promise<Ledger> {
    const key = await ledgerKey(data);
    const file = await open(join(data, LEDGER_FILE), APPEND, 0o640);
    try {
      await file.chown(0, readers);
      await file.chmod(0o640);
      return new Ledger(file, key, await lastLine(file, data));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get last(): LedgerEntry | undefined {
    return this.#last;
  }

  /** The line that begins at that byte; undefined: none that was signed here does. */
  async lineAt(offset: number): Promise<LedgerEntry | undefined> {
    if (!Number.isSafeInteger(offset) || offset < 0) return undefined;
    const from = Math.max(0, offset - 1);
    const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(TAIL), 0, TAIL, from);
    const text = buffer.toString("utf8", 0, bytesRead);
    if (offset > 0 && !text.startsWith("\n")) return undefined;
    const [line = ""] = text.slice(offset - from).split("\n", 1);
    return readLedgerLine(line, createPublicKey(this.#key));
  }

  /** It is on the disk when this resolves. */
  async append(what: LedgerFact): Promise<void> {
    const entry: LedgerEntry = {
      number: (this.#last?.number ?? 0) + 1,
      at: new Date().toISOString(),
      ...what,
      previous: this.#previous,
    };
    const line = ledgerLine(entry, this.#key);
    const { size } = await this.#file.stat();
    try {
      await this.#file.appendFile(`${line}\n`);
      await this.#file.datasync();
    } catch (error) {
      // A disk without room for all of it.
      await this.#file.truncate(size);
      throw error;
    }
    this.#last = entry;
    this.#previous = hashOfLine(line);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}

async function lastLine(
  file: FileHandle,
  data: string,
): Promise<{ entry: LedgerEntry | undefined; hash: string }> {
  const { size } = await file.stat();
  const from = Math.max(0, size - TAIL);
  const { bytesRead, buffer } = await file.read(Buffer.alloc(TAIL), 0, TAIL, from);
  const tail = buffer.subarray(0, bytesRead);
  const end = tail.lastIndexOf("\n") + 1;
  if (end < tail.length) await file.truncate(from + end);
  if (end === 0 && from === 0) return { entry: undefined, hash: NO_PREVIOUS };
  const line = tail.toString("utf8", tail.lastIndexOf("\n", end - 2) + 1, end - 1);
  const entry = readLedgerLine(line, undefined);
  if (entry !== undefined) return { entry, hash: hashOfLine(line) };
  throw new MitsubakoError(
    "data-unusable",
    `The last line of ${join(data, LEDGER_FILE)} is not a ledger's.`,
    {
      remedy: "Put that file aside to begin a new one; mitsubako verify takes the old one with --ledger.",
    },
  );
}

/** Made at the first start. */
async function ledgerKey(data: string): Promise<KeyObject> {
  const path = join(data, KEY_FILE);
  let pem = await readFile(path, "utf8").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (pem === undefined) {
    pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    await put(path, pem, 0o600);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new MitsubakoError("data-unusable", `The key in ${path} cannot be read.`, {
      cause,
      remedy: "Bring it back from a backup, or put it and the ledger aside to begin anew.",
    });
  }
  const shown = createPublicKey(key).export({ type: "spki", format: "pem" });
  await put(join(data, LEDGER_PUBLIC_KEY), shown, 0o644);
  return key;
}

async function put(path: string, text: string, mode: number): Promise<void> {
  await rm(`${path}.new`, { force: true });
  // Made anew, or not at all: others may make files beside it, links among them.
  await writeFile(`${path}.new`, text, { mode, flag: "wx", flush: true });
  await rename(`${path}.new`, path);
}

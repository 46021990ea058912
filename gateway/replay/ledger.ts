import { createPublicKey, type KeyObject } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { MitsubakoError } from "../model/errors.ts";
import {
  hashOfLine,
  isRedactedEntry,
  isSealedEntry,
  NO_PREVIOUS,
  readLedgerLine,
  type RedactedEntry,
  type SealedEntry,
} from "../model/ledger.ts";
import { hashOfPlain } from "../recording/plain-hash.ts";
import type { Verification } from "../recording/verify.ts";

/** A ledger and the key that it is believed by. */
export interface LedgerFiles {
  readonly ledger: string;
  readonly key: string;
}

export interface LedgerCheck {
  readonly lines: number;
  /** SHA-256 of the last sound line, hexadecimal: kept elsewhere, it proves later that no line was taken away. */
  readonly head: string;
  readonly firstBad?: { readonly line: number; readonly reason: string };
  /** Sessions that it vouches for, and that were not removed since. */
  readonly sessions: ReadonlySet<string>;
}

/**
 * A ledger as a whole: each line signed, each following the one before.
 *
 * @throws MitsubakoError `not-found`, `bad-usage` when ledger or key cannot be used.
 */
export async function checkLedger(files: LedgerFiles): Promise<LedgerCheck> {
  const key = await readKey(files.key);
  const sessions = new Set<string>();
  let head = NO_PREVIOUS;
  let lines = 0;
  for await (const line of linesOf(files.ledger)) {
    const entry = readLedgerLine(line, key);
    const reason =
      entry === undefined
        ? "it is not signed by this key"
        : entry.previous !== head || entry.number !== lines + 1
          ? "it does not follow the line before"
          : undefined;
    if (reason !== undefined || entry === undefined)
      return { lines, head, sessions, firstBad: { line: lines + 1, reason: reason ?? "it is no line" } };
    lines += 1;
    head = hashOfLine(line);
    if (isSealedEntry(entry)) sessions.add(entry.session);
    else if (!isRedactedEntry(entry)) sessions.delete(entry.session);
  }
  return { lines, head, sessions };
}

/** What a ledger says of a recording. */
export interface Vouched {
  /** The line that vouches for it. */
  readonly by?: SealedEntry;
  /** The line by which it is not that one's any more: something of it was dropped. */
  readonly redacted?: RedactedEntry;
  /** Why none does. */
  readonly reason?: "not in the ledger" | "not what the ledger vouches for";
}

/**
 * Whether the ledger vouches for a recording that was found to be sound: for its seal, and for the bytes in it. One that is not sealed
 * (its gateway died in between) may have only the bytes; of one that something was dropped of, the seal vouches for its bytes.
 * Throws as `checkLedger` does.
 */
export async function vouchedFor(
  path: string,
  { session, seal }: Verification,
  files: LedgerFiles,
): Promise<Vouched> {
  const key = await readKey(files.key);
  const entries: SealedEntry[] = [];
  const redactions: RedactedEntry[] = [];
  for await (const line of linesOf(files.ledger)) {
    if (session === undefined || !line.includes(`"${session}"`)) continue;
    const entry = readLedgerLine(line, key);
    if (entry?.session !== session) continue;
    if (isSealedEntry(entry)) entries.push(entry);
    else if (isRedactedEntry(entry)) redactions.push(entry);
  }
  if (entries.length === 0) return { reason: "not in the ledger" };
  const redacted = redactions.find((line) => line.seal === seal && line.seal !== line.was);
  const before = redacted && entries.find((entry) => entry.seal === redacted.was);
  if (redacted !== undefined && before !== undefined) return { by: before, redacted };
  const { sha256 } = await hashOfPlain(path);
  const by = entries.find(
    (entry) => entry.plain.sha256 === sha256 && (seal === undefined || seal === entry.seal),
  );
  return by === undefined ? { reason: "not what the ledger vouches for" } : { by };
}

function linesOf(ledger: string): AsyncIterable<string> {
  if (!existsSync(ledger)) throw new MitsubakoError("not-found", `There is no ledger ${ledger}.`);
  return createInterface({ input: createReadStream(ledger), crlfDelay: Infinity });
}

async function readKey(path: string): Promise<KeyObject> {
  try {
    return createPublicKey(await readFile(path));
  } catch (cause) {
    throw new MitsubakoError("bad-usage", `The ledger's key ${path} cannot be read.`, {
      cause,
      remedy: "--key takes the file ledger.pub of the data folder that the ledger is from.",
    });
  }
}

import { createHash, sign, verify, type KeyObject } from "node:crypto";
import { isSessionId, type SessionId } from "./ids.ts";

/** Relative to the data folder: what was sealed and what was removed, a line each, signed, with the hash of the line before. */
export const LEDGER_FILE = "ledger.jsonl";
/** The public key of its signatures, PEM. */
export const LEDGER_PUBLIC_KEY = "ledger.pub";

interface Line {
  /** From 1. */
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly session: SessionId;
  /** SHA-256 of the line before, without its line feed, hexadecimal; of nothing before the first: 64 zeros. */
  readonly previous: string;
}

/** What the ledger says of a recording that was sealed. */
export interface SealedEntry extends Line {
  /** Of the recording before it was sealed, and of what comes out of it: bytes and SHA-256, hexadecimal. */
  readonly plain: { readonly bytes: number; readonly sha256: string };
  /** What vouches for every byte of the sealed file, hexadecimal; docs/recording-format.md. */
  readonly seal: string;
}

/** The recording, and what lay beside it, was removed as the policy wants it: it was too old, or took too much room. */
export interface RemovedEntry extends Line {
  readonly removed: RemovalReason;
}

/** Something of a sealed recording was dropped, as the policy wants it. */
export interface RedactedEntry extends Line {
  readonly redacted: RedactionRule;
  /** Its seal before. */
  readonly was: string;
  /** Its seal since then; the same where there was nothing to drop. */
  readonly seal: string;
}

/** The key of `retention` that wants it. */
export type RedactionRule = "credentials";
export type RemovalReason = "age" | "size" | "free";
export type LedgerEntry = SealedEntry | RedactedEntry | RemovedEntry;

/** A line without what makes it one of its ledger. */
export type LedgerFact = WithoutPlace<SealedEntry> | WithoutPlace<RedactedEntry> | WithoutPlace<RemovedEntry>;
type WithoutPlace<T> = Omit<T, "number" | "at" | "previous">;

export function isSealedEntry(entry: LedgerEntry): entry is SealedEntry {
  return "plain" in entry;
}

export function isRedactedEntry(entry: LedgerEntry): entry is RedactedEntry {
  return "redacted" in entry;
}

export const NO_PREVIOUS = "0".repeat(64);

/** A line without its line feed. What is signed (Ed25519, RFC 8032) is the line without its last member, `signature`. */
export function ledgerLine(entry: LedgerEntry, key: KeyObject): string {
  const text = JSON.stringify(entry);
  const signature = sign(null, Buffer.from(text), key).toString("base64");
  return `${text.slice(0, -1)},"signature":"${signature}"}`;
}

export function hashOfLine(line: string): string {
  return createHash("sha256").update(line).digest("hex");
}

/** The entry of a line; undefined when it is none, or is not signed by that key. Without a key the signature is not looked at. */
export function readLedgerLine(line: string, key: KeyObject | undefined): LedgerEntry | undefined {
  const [, start, signature] = /^(\{.*),"signature":"([A-Za-z0-9+/]{86}==)"\}$/.exec(line) ?? [];
  if (start === undefined || signature === undefined) return undefined;
  const text = `${start}}`;
  const signed = Buffer.from(signature, "base64");
  // Other letters can stand for the same bytes.
  if (signed.toString("base64") !== signature) return undefined;
  if (key !== undefined && !verify(null, Buffer.from(text), key, signed)) return undefined;
  try {
    const entry = JSON.parse(text) as Partial<SealedEntry & RedactedEntry & RemovedEntry>;
    const isLine =
      isSessionId(entry.session) && typeof entry.previous === "string" && typeof entry.number === "number";
    const isSealed = typeof entry.plain?.sha256 === "string";
    const isRedacted = typeof entry.redacted === "string" && typeof entry.was === "string";
    const isWhole =
      isSealed || isRedacted ? typeof entry.seal === "string" : typeof entry.removed === "string";
    return isLine && isWhole ? (entry as LedgerEntry) : undefined;
  } catch {
    return undefined;
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Entry, Fact } from "../model/entries.ts";
import { RecordingDamaged } from "./damage.ts";
import { ENTRY_TYPES } from "./format.ts";
import { RecordingParser, type RawEntry } from "./parser.ts";
import { openSource, type RecordingSource } from "./source.ts";

const CHUNK = 256 * 1024;
const FOLLOW_EVERY_MS = 100;

export interface ReadOptions {
  /** Offset in plain bytes at which an entry starts, as an earlier read gave it. From the start if absent. */
  readonly from?: number;
  /** At the end of a recording that still lives, wait for more. Ends with the recording or the signal. */
  readonly follow?: boolean;
  /** Ends the reading without an error. */
  readonly signal?: AbortSignal;
}

export type RecordedEntry = Entry & {
  /** Where it starts, in bytes from the start of the plain recording. */
  readonly offset: number;
};

/** How a recording stopped. */
export interface Tail {
  /** True: there is no end with its last checkpoint; the writer was killed, or still writes. */
  readonly cut: boolean;
  /** Where the last whole entry ends. Bytes after it belong to an entry that was not finished. */
  readonly at: number;
}

/** Entries in order. `tail` is there once they have all been taken. */
export interface EntryStream<T> extends AsyncIterable<T> {
  readonly tail: Tail | undefined;
}

/**
 * Facts and packets of a recording, in bounded memory (256 KiB, or the largest entry). A payload is a view of a
 * larger buffer: copy what is kept for long. Sums are checked always; the chain of checkpoints too,
 * from the first checkpoint on when the reading does not start at the file's start.
 * Throws RecordingDamaged after the last sound entry before the damage, and what open(2) and read(2) give.
 */
export function readEntries(path: string, options: ReadOptions = {}): EntryStream<RecordedEntry> {
  return streamOf(path, options, (entry) => decode(entry, path));
}

/** As `readEntries`, with checkpoints and with types that this version does not know. */
export function readRawEntries(path: string, options: ReadOptions = {}): EntryStream<RawEntry> {
  return streamOf(path, options, (entry) => entry);
}

function streamOf<T>(
  path: string,
  options: ReadOptions,
  map: (entry: RawEntry) => T | undefined,
): EntryStream<T> {
  let tail: Tail | undefined;
  return {
    get tail() {
      return tail;
    },
    async *[Symbol.asyncIterator]() {
      await using source = await openSource(path);
      const parser = new RecordingParser(options.from ?? 0);
      let bytes: Buffer = Buffer.alloc(0);
      for (;;) {
        const more = options.signal?.aborted ? undefined : await readMore(source, bytes, parser, options);
        if (more === undefined) break;
        const start = parser.at;
        for (const entry of parser.take(more)) {
          const mapped = map(entry);
          if (mapped !== undefined) yield mapped;
        }
        if (parser.damage !== undefined) break;
        bytes = more.subarray(parser.at - start);
      }
      parser.finish(bytes);
      if (parser.damage !== undefined)
        throw new RecordingDamaged(path, parser.damage.offset, parser.damage.reason);
      tail = { cut: !parser.sealed, at: parser.at };
    },
  };
}

/** What was left over with what comes after it, in a new buffer: entries given out are views of the one before. */
async function readMore(
  source: RecordingSource,
  rest: Buffer,
  parser: RecordingParser,
  { follow, signal }: ReadOptions,
): Promise<Buffer | undefined> {
  const position = parser.at + rest.length;
  if (follow === true && !parser.sealed && source.sealed === undefined) {
    while ((await source.size()) <= position) {
      await sleep(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (signal?.aborted) return undefined;
    }
  }
  const buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK, parser.wanted));
  rest.copy(buffer);
  const bytesRead = await source.read(buffer.subarray(rest.length), position);
  return bytesRead === 0 ? undefined : buffer.subarray(0, rest.length + bytesRead);
}

function decode(
  { type, from, channel, at, offset, payload }: RawEntry,
  path: string,
): RecordedEntry | undefined {
  switch (type) {
    case ENTRY_TYPES.packet:
      if (from === undefined) throw new RecordingDamaged(path, offset, "a packet has no direction");
      return { type: "packet", offset, at, from, channel, payload };
    case ENTRY_TYPES.fact:
    case ENTRY_TYPES.credential:
    case ENTRY_TYPES.end:
      return { type: "fact", offset, at, fact: parseFact(payload, path, offset) };
    default:
      // A checkpoint, or what a later version writes beside what this one knows.
      return undefined;
  }
}

function parseFact(payload: Buffer, path: string, offset: number): Fact {
  let fact: unknown;
  try {
    fact = JSON.parse(payload.toString("utf8"));
  } catch (error) {
    throw new RecordingDamaged(path, offset, "a fact is not JSON", error);
  }
  if (typeof fact === "object" && fact !== null && "kind" in fact && typeof fact.kind === "string")
    return fact as Fact;
  throw new RecordingDamaged(path, offset, "a fact has no kind");
}

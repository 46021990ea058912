import { ENTRY_HEADER_SIZE, ENTRY_TYPES, decodeEntryHead, decodeLength } from "./format.ts";

/** Where an entry starts, found among bytes from the middle of a recording. */
export interface Found {
  /** In the bytes that were searched. */
  readonly at: number;
  /** Its nanoseconds. */
  readonly time: bigint;
}

/**
 * What a stranger sent can hold the bytes of entries, sums and all. None of it is longer than an SSH packet (256 KiB), and nobody
 * can make what stands there go on into the entry after it, whose time is not known beforehand. So a chain of
 * entries that is longer than this ends among true ones.
 */
const LONGER_THAN_A_PACKET = 320 * 1024;
/** To be found in what is searched, an entry needs so many bytes before and after it. */
export const SEARCHED = 1024 * 1024;

/** The first entry that is certain. Undefined: none is, in these. */
export function findEntry(bytes: Buffer): Found | undefined {
  for (let start = 0; start + ENTRY_HEADER_SIZE <= bytes.length; start++) {
    const found = followChain(bytes, start);
    if (found !== undefined) return found;
  }
  return undefined;
}

function followChain(bytes: Buffer, start: number): Found | undefined {
  for (let at = start; ;) {
    const entry = entryAt(bytes, at);
    if (entry === undefined) return undefined;
    if (at - start > LONGER_THAN_A_PACKET) return { at, time: entry.time };
    at = entry.end;
  }
}

function entryAt(bytes: Buffer, at: number): { time: bigint; end: number } | undefined {
  if (at + ENTRY_HEADER_SIZE > bytes.length) return undefined;
  // What can be told at once, so that few sums are made of what is no entry.
  if (!TYPES.has(bytes[at + 8] ?? 0) || (bytes[at + 9] ?? 0) > 2) return undefined;
  const length = decodeLength(bytes, at);
  if (length === undefined || at + ENTRY_HEADER_SIZE + length > bytes.length) return undefined;
  const head = decodeEntryHead(bytes, at, length);
  return head && { time: head.at, end: at + ENTRY_HEADER_SIZE + length };
}

const TYPES = new Set<number>(Object.values(ENTRY_TYPES));

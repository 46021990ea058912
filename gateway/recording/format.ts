/**
 * The bytes of a recording, version 1. `docs/recording-format.md` is the specification; this file is its code.
 * All integers are little-endian.
 */
import { crc32 } from "node:zlib";
import type { Origin } from "../model/entries.ts";
import type { SessionId } from "../model/ids.ts";
import { encodeHeader, FILE_HEADER_SIZE } from "./file-header.ts";

/** Not text, not cut to seven bits, not with its line ends changed: as PNG's signature (ISO/IEC 15948, 5.2). */
export const MAGIC = Buffer.from("\x89MBR\r\n\x1a\n", "latin1");
export const VERSION = 1;
export { FILE_HEADER_SIZE };
export const ENTRY_HEADER_SIZE = 20;
/**
 * Most bytes of one entry's payload, so that a reader's memory is bounded whatever a file claims. An SSH payload is at
 * most 256 KiB; a fact about one, every byte of it escaped in JSON, at most six times that.
 */
export const MAX_PAYLOAD = 4 * 1024 * 1024;
/** Channel ordinals from here on are written as this one. */
export const LAST_CHANNEL = 0xffff;
export const CHECKPOINT_EVERY_BYTES = 64 * 1024;
export const CHECKPOINT_EVERY_MS = 1000;

export const ENTRY_TYPES = { fact: 1, credential: 2, packet: 3, checkpoint: 4, end: 5 } as const;
const DIRECTIONS = { downstream: 1, upstream: 2 } as const satisfies Record<Origin, number>;
const NO_DIRECTION = 0;

/** What stands before an entry's payload, without its sums. */
export interface EntryHead {
  /** One of ENTRY_TYPES, or a number that a later version gave a meaning. */
  readonly type: number;
  readonly from: Origin | undefined;
  readonly channel: number;
  /** Nanoseconds since the session's start. */
  readonly at: bigint;
}

export function encodeFileHeader(session: SessionId): Buffer {
  return encodeHeader(MAGIC, VERSION, session);
}

/** What is wrong with the first 32 bytes of a file, or the session they name. */
export function decodeFileHeader(header: Buffer): { session: string } | { wrong: string } {
  if (!header.subarray(0, 8).equals(MAGIC)) return { wrong: "it does not begin like a recording" };
  if (crc32(header.subarray(0, 28)) !== header.readUInt32LE(28)) return { wrong: "its header is damaged" };
  const version = header.readUInt16LE(8);
  if (version !== VERSION || header.readUInt16LE(10) !== FILE_HEADER_SIZE)
    return { wrong: `it has form ${version}, and this program reads form ${VERSION}` };
  return { session: header.toString("latin1", 12, 24) };
}

/**
 * Writes head and sums of an entry whose payload already stands at `offset + ENTRY_HEADER_SIZE`.
 * `view` and `bytes` are the same memory.
 */
export function encodeEntryHead(
  bytes: Buffer,
  view: DataView,
  offset: number,
  head: EntryHead,
  payloadLength: number,
): void {
  view.setUint32(offset + 4, sizeWord(payloadLength), true);
  view.setUint8(offset + 8, head.type);
  view.setUint8(offset + 9, head.from === undefined ? NO_DIRECTION : DIRECTIONS[head.from]);
  view.setUint16(offset + 10, Math.min(head.channel, LAST_CHANNEL), true);
  view.setBigUint64(offset + 12, head.at, true);
  view.setUint32(offset, crc32(bytes.subarray(offset + 4, offset + ENTRY_HEADER_SIZE + payloadLength)), true);
}

/** Payload length of the entry at `offset`, or undefined when its size word is damaged or over the bound. */
export function decodeLength(bytes: Buffer, offset: number): number | undefined {
  const word = bytes.readUInt32LE(offset + 4);
  const length = word & 0xffffff;
  return word === sizeWord(length) && length <= MAX_PAYLOAD ? length : undefined;
}

/** The entry at `offset`, of which all bytes are there, or undefined when they are not what was written. */
export function decodeEntryHead(bytes: Buffer, offset: number, payloadLength: number): EntryHead | undefined {
  const sum = crc32(bytes.subarray(offset + 4, offset + ENTRY_HEADER_SIZE + payloadLength));
  if (sum !== bytes.readUInt32LE(offset)) return undefined;
  const direction = bytes[offset + 9];
  return {
    type: bytes.readUInt8(offset + 8),
    from:
      direction === DIRECTIONS.downstream
        ? "downstream"
        : direction === DIRECTIONS.upstream
          ? "upstream"
          : undefined,
    channel: bytes.readUInt16LE(offset + 10),
    at: bytes.readBigUInt64LE(offset + 12),
  };
}

/**
 * A length that carries its own check: without one, a flipped bit that makes an entry reach past the end of the file
 * would look like a recording that was cut there.
 */
function sizeWord(length: number): number {
  const check = 0x5a ^ (length & 0xff) ^ ((length >>> 8) & 0xff) ^ (length >>> 16);
  return ((check << 24) | length) >>> 0;
}

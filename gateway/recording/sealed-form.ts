/**
 * The bytes of a sealed recording, version 1. `docs/recording-format.md` is the specification; this file is its code.
 * All integers are little-endian.
 */
import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { ByteString } from "../model/bytes.ts";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { encodeHeader } from "./file-header.ts";
import type { Marker } from "./marker.ts";
import { MAX_INDEX, SEALED_HEADER_SIZE, SEALED_MAGIC, isSealed } from "./seal-footer.ts";

export const SEALED_VERSION = 1;
/** Most plain bytes of a frame: what is decompressed to reach any of them. */
export const MAX_FRAME = 256 * 1024;
const MARKER_KINDS = ["login", "channel", "command", "transfer", "forward", "network"] as const;

/** One piece of the plain recording, compressed by itself. */
export interface Frame {
  /** In the sealed file. */
  readonly at: number;
  readonly size: number;
  /** In the plain recording. */
  readonly plainAt: number;
  readonly plainSize: number;
  /** Of its compressed bytes, hexadecimal. */
  readonly sha256: string;
  /** Where in it the first entry starts; undefined when none does. */
  readonly entryAt: number | undefined;
  /** Nanoseconds of the first and of the last entry that starts in it; in a frame without any, those of the entry that it is part of. */
  readonly from: bigint;
  readonly to: bigint;
  /** Of its entries, ascending. */
  readonly channels: readonly number[];
}

export interface SealedIndex {
  readonly session: SessionId;
  readonly frames: readonly Frame[];
  readonly markers: readonly Marker[];
  /** Bytes of the plain recording. */
  readonly plain: number;
}

export function encodeSealedHeader(session: SessionId): Buffer {
  return encodeHeader(SEALED_MAGIC, SEALED_VERSION, session);
}

/** The session that a header names, or what is wrong with it. */
export function decodeSealedHeader(header: Buffer): { session: SessionId } | { wrong: string } {
  if (header.length < SEALED_HEADER_SIZE || !isSealed(header)) return { wrong: "it does not begin like one" };
  if (crc32(header.subarray(0, 28)) !== header.readUInt32LE(28)) return { wrong: "its header is damaged" };
  const version = header.readUInt16LE(8);
  if (version !== SEALED_VERSION || header.readUInt16LE(10) !== SEALED_HEADER_SIZE)
    return { wrong: `it has sealed form ${version}, and this program reads form ${SEALED_VERSION}` };
  const session = header.toString("latin1", 12, 24);
  return isSessionId(session) ? { session } : { wrong: "its header names no session" };
}

/** Throws a RangeError for a recording so long that nobody would read its index. */
export function encodeIndex({ session, frames, markers, plain }: SealedIndex): Buffer {
  const json = JSON.stringify({
    session,
    plain,
    frames: frames.map(({ size, plainSize, sha256, entryAt, from, to, channels }) => [
      ...[size, plainSize, sha256, entryAt ?? -1, Number(from), Number(to), channels],
    ]),
    markers: markers.map(({ at, offset, channel, kind, text }) => [Number(at), offset, channel, kind, text]),
  });
  const bytes = Buffer.from(json, "utf8");
  if (bytes.length > MAX_INDEX) throw new RangeError("the recording is too long to be sealed");
  return zstdCompressSync(bytes);
}

/** Undefined: it is not the index of a sealed recording whose frames end at `end`. Whatever the bytes, memory is bounded. */
export function decodeIndex(bytes: Buffer, end: number): SealedIndex | undefined {
  let json: unknown;
  try {
    json = JSON.parse(zstdDecompressSync(bytes, { maxOutputLength: MAX_INDEX }).toString("utf8"));
  } catch {
    return undefined;
  }
  const { session, plain, frames, markers } = (json ?? {}) as Record<string, unknown>;
  if (!isSessionId(session) || !Array.isArray(frames) || !Array.isArray(markers)) return undefined;
  const decoded: Frame[] = [];
  let at = SEALED_HEADER_SIZE;
  let plainAt = 0;
  for (const each of frames as unknown[]) {
    const frame = decodeFrame(each, at, plainAt);
    if (frame === undefined) return undefined;
    decoded.push(frame);
    at += frame.size;
    plainAt += frame.plainSize;
  }
  if (at !== end || plain !== plainAt) return undefined;
  const known = (markers as unknown[]).flatMap((each) => decodeMarker(each) ?? []);
  return { session, frames: decoded, markers: known, plain: plainAt };
}

function decodeFrame(value: unknown, at: number, plainAt: number): Frame | undefined {
  if (!Array.isArray(value)) return undefined;
  const [size, plainSize, sha256, entryAt, from, to, channels] = value as unknown[];
  if (!isCount(size) || !isCount(plainSize) || plainSize > MAX_FRAME || !isCount(from) || !isCount(to))
    return undefined;
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  if (entryAt !== -1 && !(isCount(entryAt) && entryAt < plainSize)) return undefined;
  if (!Array.isArray(channels) || !channels.every(isCount)) return undefined;
  return {
    ...{ at, size, plainAt, plainSize, sha256, channels },
    entryAt: entryAt === -1 ? undefined : entryAt,
    from: BigInt(from),
    to: BigInt(to),
  };
}

/** Undefined also for a kind that a later version has made. */
function decodeMarker(value: unknown): Marker | undefined {
  if (!Array.isArray(value)) return undefined;
  const [at, offset, channel, kind, text] = value as unknown[];
  const known = MARKER_KINDS.find((each) => each === kind);
  if (!isCount(at) || !isCount(offset) || !isCount(channel) || known === undefined) return undefined;
  if (typeof text !== "string") return undefined;
  return { at: BigInt(at), offset, channel, kind: known, text: text as ByteString };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

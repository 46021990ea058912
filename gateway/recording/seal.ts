import { createHash } from "node:crypto";
import { constants as files } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { SessionId } from "../model/ids.ts";
import { MitsubakoError } from "../model/errors.ts";
import { ENTRY_HEADER_SIZE } from "./format.ts";
import { FrameCutter, type PlainFrame } from "./frames.ts";
import type { Marker } from "./marker.ts";
import { RecordingParser, type RawEntry } from "./parser.ts";
import { encodeFooter, sealOf } from "./seal-footer.ts";
import { encodeIndex, encodeSealedHeader, type Frame, type SealedIndex } from "./sealed-form.ts";
import { openSource, type RecordingSource } from "./source.ts";

const compress = promisify(zstdCompress);
const CHUNK = 256 * 1024;
/** Of a terminal's recording, level 3 leaves 0.195 of the payload, 6 leaves 0.170 for a third more work, 9 leaves 0.166 for two thirds more. */
const LEVEL = 6;

export interface Sealed {
  /** As `Footer.seal`. */
  readonly seal: string;
  /** Of the sealed file. */
  readonly bytes: number;
  /** Of what was sealed. */
  readonly plain: number;
}

/** Changes plain bytes on their way, in place; each byte is given once, in order. */
export interface PlainChange {
  /** The file's header. */
  header(bytes: Buffer): void;
  /** A sound entry, with its head. Its payload is the same memory. */
  entry(bytes: Buffer, entry: RawEntry): void;
  /** The beginning of an entry that was not finished. */
  cut(bytes: Buffer): void;
  /** From the first damage on. */
  unreadable(bytes: Buffer): void;
}

/**
 * Writes the sealed form of a recording to a new file: the same bytes, none left out, whole, cut off or damaged, in frames that can
 * be read each by itself. One frame at a time, so that memory is bounded. Whoever moves the file brings it to the disk: under Node's
 * permission model this process could not.
 *
 * @param to must not exist.
 * @throws MitsubakoError `bad-usage` when it is sealed already; RecordingDamaged; what open(2), read(2) and write(2) give.
 */
export async function sealRecording(
  path: string,
  to: string,
  session: SessionId,
  markers: readonly Marker[],
): Promise<Sealed> {
  await using source = await openSource(path);
  if (source.sealed !== undefined) throw new MitsubakoError("bad-usage", `${path} is sealed already.`);
  return await sealSource(source, to, { session, markers });
}

/**
 * As `sealRecording`, of one that is sealed, changed on its way. Its markers stay.
 *
 * @throws MitsubakoError `bad-usage` when it is not sealed; RecordingDamaged, among others when a byte of it is not what was sealed.
 */
export async function sealChanged(path: string, to: string, change: PlainChange): Promise<Sealed> {
  await using source = await openSource(path);
  if (source.sealed === undefined) throw new MitsubakoError("bad-usage", `${path} is not sealed.`);
  return await sealSource(source, to, source.sealed.index, change);
}

async function sealSource(
  source: RecordingSource,
  to: string,
  { session, markers }: Pick<SealedIndex, "session" | "markers">,
  change?: PlainChange,
): Promise<Sealed> {
  await using file = await open(to, files.O_WRONLY | files.O_CREAT | files.O_EXCL, 0o600);
  const header = encodeSealedHeader(session);
  const frames: Frame[] = [];
  let at = await append(file, header);
  let plain = 0;
  for await (const frame of plainFrames(source, change)) {
    const bytes = await compress(frame.bytes, {
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    const { entryAt, from, to: last, channels } = frame;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const [plainAt, plainSize] = [plain, frame.bytes.length];
    frames.push({ at, size: bytes.length, plainAt, plainSize, sha256, entryAt, from, to: last, channels });
    at += await append(file, bytes);
    plain += plainSize;
  }
  const index = encodeIndex({ session, frames, markers, plain });
  const seal = sealOf(header, index);
  const indexSize = await append(file, index);
  const footer = encodeFooter({ indexAt: at, indexSize, seal });
  await append(file, footer);
  return { seal, bytes: at + indexSize + footer.length, plain };
}

async function* plainFrames(
  source: RecordingSource,
  change: PlainChange | undefined,
): AsyncGenerator<PlainFrame, void, undefined> {
  const cutter = new FrameCutter();
  const parser = new RecordingParser(0);
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK, parser.wanted));
    rest.copy(buffer);
    const position = parser.at + rest.length;
    const read = await source.read(buffer.subarray(rest.length), position);
    const bytes = buffer.subarray(0, rest.length + read);
    if (read === 0) break;
    const start = parser.at;
    const entries = parser.take(bytes);
    const head = bytes.subarray(
      0,
      parser.at - start - entries.reduce((sum, { payload }) => sum + sizeOf(payload), 0),
    );
    if (head.length > 0) {
      change?.header(head);
      yield* cutter.add(head);
    }
    for (const entry of entries) {
      const { offset, payload, at, channel } = entry;
      const whole = bytes.subarray(offset - start, offset - start + sizeOf(payload));
      change?.entry(whole, entry);
      yield* cutter.add(whole, { at, channel });
    }
    rest = bytes.subarray(parser.at - start);
    if (parser.damage !== undefined) break;
  }
  // What is no whole entry, or stands behind damage, is kept as well.
  parser.finish(rest);
  if (parser.damage === undefined) change?.cut(rest);
  else change?.unreadable(rest);
  yield* cutter.add(rest);
  let position = parser.at + rest.length;
  for (;;) {
    const bytes = Buffer.allocUnsafeSlow(CHUNK);
    const read = await source.read(bytes, position);
    if (read === 0) break;
    change?.unreadable(bytes.subarray(0, read));
    yield* cutter.add(bytes.subarray(0, read));
    position += read;
  }
  yield* cutter.rest();
}

function sizeOf(payload: Buffer): number {
  return ENTRY_HEADER_SIZE + payload.length;
}

async function append(file: FileHandle, bytes: Buffer): Promise<number> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
  return bytes.length;
}

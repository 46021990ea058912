import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { zstdDecompressSync } from "node:zlib";
import { RecordingDamaged } from "./damage.ts";
import { openPlain } from "./open-plain.ts";
import { FOOTER_SIZE, SEALED_HEADER_SIZE, decodeFooter, isSealed, sealOf } from "./seal-footer.ts";
import { decodeIndex, decodeSealedHeader, type Frame, type SealedIndex } from "./sealed-form.ts";

/** The plain bytes of a recording, whether it is sealed or not. */
export interface RecordingSource extends AsyncDisposable {
  /** Undefined: it is not sealed, and may grow. */
  readonly sealed: { readonly index: SealedIndex; readonly seal: string } | undefined;
  /** Of the plain recording, by now. */
  size(): Promise<number>;
  /** Fills `buffer` as far as there is something from `position` on. Gives how many bytes; 0 at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
}

/**
 * Opens a recording in either form.
 *
 * @throws RecordingDamaged when it is sealed and its header, index or footer are not what was written; MitsubakoError
 * `recording-damaged` when it is no plain file; what open(2) and read(2) give.
 */
export async function openSource(path: string): Promise<RecordingSource> {
  const handle = await openPlain(path);
  try {
    const start = Buffer.alloc(SEALED_HEADER_SIZE);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    if (!isSealed(start.subarray(0, bytesRead))) return new PlainSource(handle);
    return await SealedSource.open(handle, path, start.subarray(0, bytesRead));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class PlainSource implements RecordingSource {
  readonly sealed = undefined;
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    return (await this.#handle.read(buffer, 0, buffer.length, position)).bytesRead;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }
}

/** Decompresses a frame when one of its bytes is wanted, and keeps the last. */
class SealedSource implements RecordingSource {
  readonly sealed: { readonly index: SealedIndex; readonly seal: string };
  readonly #handle: FileHandle;
  readonly #path: string;
  #last: { readonly frame: Frame; readonly bytes: Buffer } | undefined;

  private constructor(handle: FileHandle, path: string, index: SealedIndex, seal: string) {
    this.#handle = handle;
    this.#path = path;
    this.sealed = { index, seal };
  }

  static async open(handle: FileHandle, path: string, header: Buffer): Promise<SealedSource> {
    const damaged = (reason: string) => new RecordingDamaged(path, 0, reason);
    const named = decodeSealedHeader(header);
    if ("wrong" in named) throw damaged(named.wrong);
    const { size } = await handle.stat();
    const footer = decodeFooter(await bytesAt(handle, size - FOOTER_SIZE, FOOTER_SIZE), size);
    if (footer === undefined) throw damaged("its last bytes are not those of a sealed recording");
    const bytes = await bytesAt(handle, footer.indexAt, footer.indexSize);
    if (sealOf(header, bytes) !== footer.seal) throw damaged("its index is not what was sealed");
    const index = decodeIndex(bytes, footer.indexAt);
    if (index === undefined || index.session !== named.session) throw damaged("its index cannot be read");
    return new SealedSource(handle, path, index, footer.seal);
  }

  size(): Promise<number> {
    return Promise.resolve(this.sealed.index.plain);
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const frame = this.#frameAt(position + done);
      if (frame === undefined) break;
      const bytes = await this.#plain(frame);
      if (bytes === undefined) {
        // What stands before it is read first.
        if (done > 0) break;
        throw this.#damaged(frame);
      }
      done += bytes.copy(buffer, done, position + done - frame.plainAt);
    }
    return done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }

  #frameAt(position: number): Frame | undefined {
    if (this.#last !== undefined && isIn(this.#last.frame, position)) return this.#last.frame;
    const { frames } = this.sealed.index;
    const frame = frames[lastWhere(frames, ({ plainAt }) => plainAt <= position)];
    return frame !== undefined && isIn(frame, position) ? frame : undefined;
  }

  /** Undefined: it is not what was sealed. */
  async #plain(frame: Frame): Promise<Buffer | undefined> {
    if (this.#last?.frame === frame) return this.#last.bytes;
    const bytes = decompressed(await bytesAt(this.#handle, frame.at, frame.size), frame);
    if (bytes !== undefined) this.#last = { frame, bytes };
    return bytes;
  }

  #damaged(frame: Frame): RecordingDamaged {
    const number = this.sealed.index.frames.indexOf(frame) + 1;
    const last = frame.at + frame.size - 1;
    return new RecordingDamaged(
      this.#path,
      frame.plainAt,
      `frame ${number}, bytes ${frame.at} to ${last} of the file, is not what was sealed`,
    );
  }
}

function decompressed(compressed: Buffer, frame: Frame): Buffer | undefined {
  if (createHash("sha256").update(compressed).digest("hex") !== frame.sha256) return undefined;
  try {
    const bytes = zstdDecompressSync(compressed, { maxOutputLength: Math.max(frame.plainSize, 1) });
    return bytes.length === frame.plainSize ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** The greatest place of a sorted list where `holds` is still true; -1: nowhere. */
export function lastWhere<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let low = -1;
  let high = list.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    const one = list[middle];
    if (one !== undefined && holds(one)) low = middle;
    else high = middle;
  }
  return low;
}

function isIn({ plainAt, plainSize }: Frame, position: number): boolean {
  return position >= plainAt && position < plainAt + plainSize;
}

async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  if (position < 0) return Buffer.alloc(0);
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

import { RecordingDamaged } from "./damage.ts";
import { ENTRY_TYPES, FILE_HEADER_SIZE, decodeFileHeader } from "./format.ts";
import { readRawEntries } from "./reader.ts";
import { openPlain } from "./open-plain.ts";

export interface Verification {
  /** The session that the header names, if the header is sound. */
  readonly session?: string;
  /** Sound entries, checkpoints included. */
  readonly entries: number;
  readonly checkpoints: number;
  /** Size of the file. */
  readonly bytes: number;
  /** It has its end, and the last checkpoint covers all of it. */
  readonly complete: boolean;
  /** It has no end: where its last whole entry ends. */
  readonly cutAt?: number;
  readonly firstBad?: { readonly offset: number; readonly reason: string };
  /** Hash of the last sound checkpoint, hexadecimal. */
  readonly head?: string;
}

/** Reads all of a recording and says whether it is what was written. Rejects only when the file cannot be read. */
export async function verify(path: string, signal?: AbortSignal): Promise<Verification> {
  const about = await readAbout(path);
  const stream = readRawEntries(path, signal === undefined ? {} : { signal });
  let entries = 0;
  let checkpoints = 0;
  let head: string | undefined;
  const soFar = () => ({ ...about, entries, checkpoints, ...(head === undefined ? {} : { head }) });
  try {
    for await (const entry of stream) {
      entries += 1;
      if (entry.type === ENTRY_TYPES.checkpoint) {
        checkpoints += 1;
        head = entry.payload.toString("hex");
      }
    }
  } catch (error) {
    if (!(error instanceof RecordingDamaged)) throw error;
    return { ...soFar(), complete: false, firstBad: { offset: error.offset, reason: error.reason } };
  }
  signal?.throwIfAborted();
  return stream.tail?.cut === false
    ? { ...soFar(), complete: true }
    : { ...soFar(), complete: false, cutAt: stream.tail?.at ?? 0 };
}

async function readAbout(path: string): Promise<{ bytes: number; session?: string }> {
  await using handle = await openPlain(path);
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(FILE_HEADER_SIZE), 0, FILE_HEADER_SIZE, 0);
  const bytes = (await handle.stat()).size;
  if (bytesRead < FILE_HEADER_SIZE) return { bytes };
  const header = decodeFileHeader(buffer);
  return "wrong" in header ? { bytes } : { bytes, session: header.session };
}

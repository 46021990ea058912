import { RecordingDamaged } from "./damage.ts";
import { ENTRY_TYPES, FILE_HEADER_SIZE, decodeFileHeader } from "./format.ts";
import { readRawEntries } from "./reader.ts";
import { openPlain } from "./open-plain.ts";
import { isDropped } from "./redact.ts";
import { openSource } from "./source.ts";

export interface Verification {
  /** The session that the header names, if the header is sound. */
  readonly session?: string;
  /** Sound entries, checkpoints included. */
  readonly entries: number;
  readonly checkpoints: number;
  /** Credentials among them whose passwords were dropped; absent: none. */
  readonly dropped?: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Of a sealed recording: what vouches for all of the file, hexadecimal. */
  readonly seal?: string;
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
  let about: About;
  try {
    about = await readAbout(path);
  } catch (error) {
    if (!(error instanceof RecordingDamaged)) throw error;
    return { ...{ entries: 0, checkpoints: 0, bytes: await sizeOf(path) }, ...bad(error) };
  }
  const stream = readRawEntries(path, signal === undefined ? {} : { signal });
  let entries = 0;
  let checkpoints = 0;
  let dropped = 0;
  let head: string | undefined;
  const soFar = () => ({
    ...{ ...about, entries, checkpoints },
    ...(dropped === 0 ? {} : { dropped }),
    ...(head === undefined ? {} : { head }),
  });
  try {
    for await (const entry of stream) {
      entries += 1;
      if (entry.type === ENTRY_TYPES.checkpoint) {
        checkpoints += 1;
        head = entry.payload.toString("hex");
      } else if (isDropped(entry)) dropped += 1;
    }
  } catch (error) {
    if (!(error instanceof RecordingDamaged)) throw error;
    return { ...soFar(), ...bad(error) };
  }
  signal?.throwIfAborted();
  return stream.tail?.cut === false
    ? { ...soFar(), complete: true }
    : { ...soFar(), complete: false, cutAt: stream.tail?.at ?? 0 };
}

function bad({ offset, reason }: RecordingDamaged): Pick<Verification, "complete" | "firstBad"> {
  return { complete: false, firstBad: { offset, reason } };
}

async function sizeOf(path: string): Promise<number> {
  await using handle = await openPlain(path);
  return (await handle.stat()).size;
}

type About = Pick<Verification, "bytes" | "session" | "seal">;

/** Throws RecordingDamaged where a sealed recording's own parts are not what was written. */
async function readAbout(path: string): Promise<About> {
  const bytes = await sizeOf(path);
  await using source = await openSource(path);
  if (source.sealed !== undefined) {
    const { seal, index } = source.sealed;
    return { bytes, session: index.session, seal };
  }
  const header = Buffer.alloc(FILE_HEADER_SIZE);
  if ((await source.read(header, 0)) < FILE_HEADER_SIZE) return { bytes };
  const named = decodeFileHeader(header);
  return "wrong" in named ? { bytes } : { bytes, session: named.session };
}

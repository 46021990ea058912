import { toByteString, type ByteString } from "../model/bytes.ts";

/** What a file witness tells (file-witness/witness.c). */
export type WitnessRecord =
  | { readonly kind: "ready" }
  | WitnessedFile
  /** Files that it saw run or deleted and has no more to say of: too many at once. */
  | { readonly kind: "skipped"; readonly files: number; readonly at: number }
  /** The kernel had more to tell than its queue takes: not all was seen. */
  | { readonly kind: "overflow" }
  /** All that was done before it was asked stands before this. */
  | { readonly kind: "marked" };

export interface WitnessedFile {
  readonly kind: "file";
  /** `read`: by a process that runs an interpreter, perhaps as its script. */
  readonly how: "run" | "deleted" | "run-and-deleted" | "read";
  /** The content's number; a second record of the same content has the same. */
  readonly number: number;
  /** Of whoever read it, or else wrote or ran it last, on the machine. */
  readonly pid: number;
  /** When that process was seen to do it: microseconds of CLOCK_MONOTONIC. */
  readonly seen: number;
  /** The same as the sandbox numbers it; 0 where it had ended. */
  readonly inside: number;
  /** That process's user, or the file's owner where it had ended; on the machine. */
  readonly uid: number;
  /** Microseconds since 1970. */
  readonly at: number;
  /** Bytes. */
  readonly size: number;
  /** Inside the sandbox; empty when it is longer than the kernel can say. */
  readonly path: ByteString;
  /** To be read to its end before the next record; `as-before`: as the earlier record of that number. */
  readonly content: AsyncIterable<Buffer> | "as-before" | "too-large" | "total-reached";
}

/** The witness broke its contract, or ended within a record. */
export class BrokenWitness extends Error {}
/** The file could not be read to its end, or grew over the bound meanwhile. Records go on. */
export class BrokenContent extends Error {}

const HEADER = 56;
const MOST_PATH = 4096;
const MOST_PIECE = 1 << 16;
const BROKEN = 0xffff_ffff;
const HOWS = [undefined, "run", "deleted", "run-and-deleted", "read"] as const;
const NOBODY = 0xffff_ffff;

/**
 * Records as they come, one at a time, contents as they are asked for: a slow reader slows the witness, and the kernel's bounded
 * queue takes what comes meanwhile. Nothing of a path or a content is looked at.
 * @throws BrokenWitness
 */
export async function* readRecords(output: AsyncIterable<Buffer>): AsyncGenerator<WitnessRecord> {
  const bytes = new Bytes(output);
  for (;;) {
    const header = await bytes.take(HEADER, "may-end");
    if (header === undefined) return;
    const kind = header[0];
    const at = wholeOf(header, 32);
    const size = wholeOf(header, 40);
    if (kind === 1) yield { kind: "ready" };
    else if (kind === 3) yield { kind: "skipped", files: size, at };
    else if (kind === 4) yield { kind: "overflow" };
    else if (kind === 5) yield { kind: "marked" };
    else if (kind === 2) yield* file(bytes, header, at, size);
    else throw new BrokenWitness("a record of no known kind");
  }
}

async function* file(
  bytes: Bytes,
  header: Buffer,
  at: number,
  size: number,
): AsyncGenerator<WitnessedFile, void> {
  const how = HOWS[header[1] ?? 0];
  const pathLength = header.readUInt32LE(4);
  if (how === undefined || pathLength > MOST_PATH) throw new BrokenWitness("a record of no file");
  const path = toByteString((await bytes.take(pathLength)) ?? Buffer.alloc(0));
  const [pid, uid, number, owner, inside] = [8, 12, 16, 20, 24].map((place) => header.readUInt32LE(place));
  const content = contentOf(header[2], bytes);
  yield {
    ...{ kind: "file", how, at, seen: wholeOf(header, 48), size, path },
    content: typeof content === "string" ? content : content.pieces,
    ...{ number: number ?? 0, pid: pid ?? 0, inside: inside ?? 0, uid: (uid === NOBODY ? owner : uid) ?? 0 },
  };
  if (typeof content !== "string" && !content.isOver()) throw new BrokenWitness("a content was not read");
}

function contentOf(code: number | undefined, bytes: Bytes) {
  switch (code) {
    case 0: {
      let over = false;
      const pieces = (async function* () {
        for (;;) {
          const length = ((await bytes.take(4)) ?? Buffer.alloc(4)).readUInt32LE(0);
          over = length === 0 || length === BROKEN;
          if (length === BROKEN) throw new BrokenContent("the file could not be read to its end");
          if (length === 0) return;
          if (length > MOST_PIECE) throw new BrokenWitness("a piece that is too long");
          yield (await bytes.take(length)) ?? Buffer.alloc(0);
        }
      })();
      return { pieces, isOver: () => over };
    }
    case 1:
      return "too-large";
    case 4:
      return "total-reached";
    case 5:
      return "as-before";
    default:
      throw new BrokenWitness("a record whose content is neither here nor left out");
  }
}

function wholeOf(header: Buffer, place: number): number {
  const value = header.readBigUInt64LE(place);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BrokenWitness("a number over all bounds");
  return Number(value);
}

/** Exact numbers of bytes from pieces of any length. */
class Bytes {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(output: AsyncIterable<Buffer>) {
    this.#pieces = output[Symbol.asyncIterator]();
  }

  /** Undefined: they ended before the first of these, where that `may-end`. */
  async take(length: number, ending?: "may-end"): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next();
        if (next.done === true) {
          if (ending === "may-end" && missing === length) return undefined;
          throw new BrokenWitness("it ended within a record");
        }
        this.#rest = next.value;
        continue;
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

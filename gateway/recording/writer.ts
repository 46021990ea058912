import { close, closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Fact, Origin, SessionEnded } from "../model/entries.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { SessionId } from "../model/ids.ts";
import { Chain } from "./chain.ts";
import {
  CHECKPOINT_EVERY_BYTES,
  CHECKPOINT_EVERY_MS,
  ENTRY_HEADER_SIZE,
  ENTRY_TYPES,
  MAX_PAYLOAD,
  encodeEntryHead,
  encodeFileHeader,
} from "./format.ts";
import { giveScratch, takeScratch, type Scratch } from "./scratch.ts";

const CHECKPOINT_SIZE = ENTRY_HEADER_SIZE + 32;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;
const closeFile = promisify(close);

export interface RecordingOptions {
  /** Where `<session>.mbr` is made. */
  readonly folder: string;
  readonly session: SessionId;
  /** `process.hrtime.bigint()` at the session's start; now if absent. */
  readonly startedAt?: bigint;
  /** Bytes that it may grow to; without a bound if absent. Only its end may still be written after that. */
  readonly most?: number;
  /** A failure that no call of the session's could be told of: it came from the timer. Called once at most. */
  readonly onFailure?: (error: MitsubakoError) => void;
  /** Monotonic clock in nanoseconds, for recordings whose bytes must be known beforehand. */
  readonly now?: () => bigint;
}

export interface ClosedRecording {
  readonly path: string;
  readonly bytes: number;
  /** Hash of the last checkpoint, hexadecimal. */
  readonly head: string;
}

/** Makes the file, which must not exist, with its header. Throws `recording-failed`. */
export function createRecording(options: RecordingOptions): Recording {
  const path = join(options.folder, `${options.session}.mbr`);
  let fd: number;
  try {
    // Readable by others, because its reader is another user; the folder lets nobody else in.
    fd = openSync(path, NEW_FILE, 0o644);
  } catch (error) {
    throw failure(path, error);
  }
  try {
    return new Recording(path, fd, options);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * One session's recording while it lives. Entries are gathered in memory by `packet` and leave in one write by `flush`;
 * facts leave at once. After the first failure every call throws it again. When it is full, entries are refused with
 * `recording-full`, and `close` seals it as usual.
 */
export class Recording {
  readonly path: string;
  readonly #fd: number;
  readonly #most: number;
  readonly #now: () => bigint;
  readonly #startedAt: bigint;
  readonly #onFailure: ((error: MitsubakoError) => void) | undefined;
  readonly #chain = new Chain();
  #scratch: Scratch | undefined;
  /** Bytes in the scratch memory, and how many of them the chain has. */
  #used = 0;
  #hashed = 0;
  #written = 0;
  /** Bytes since the start of the last checkpoint entry. */
  #sinceCheckpoint = 0;
  #lastCheckpoint: Buffer = Buffer.alloc(32);
  #timer: NodeJS.Timeout | undefined;
  #failed: MitsubakoError | undefined;
  #ended = false;
  #closed = false;

  constructor(path: string, fd: number, options: RecordingOptions) {
    this.path = path;
    this.#fd = fd;
    this.#most = options.most ?? Infinity;
    this.#now = options.now ?? (() => process.hrtime.bigint());
    this.#startedAt = options.startedAt ?? this.#now();
    this.#onFailure = options.onFailure;
    const header = encodeFileHeader(options.session);
    this.#room(header.length).bytes.set(header, 0);
    this.#used = header.length;
    this.#sinceCheckpoint = header.length;
    this.flush();
  }

  /** Bytes of the recording so far, buffered ones included. */
  get bytes(): number {
    return this.#written + this.#used;
  }

  fact(fact: Exclude<Fact, SessionEnded>): void {
    const type = fact.kind === "credential" ? ENTRY_TYPES.credential : ENTRY_TYPES.fact;
    this.#append(type, undefined, 0, Buffer.from(JSON.stringify(fact)));
    this.flush();
  }

  /** Takes a copy of the payload. It is recorded when `flush` has returned. */
  packet(from: Origin, channel: number, payload: Uint8Array): void {
    this.#append(ENTRY_TYPES.packet, from, channel, payload);
  }

  /** Hands all that is buffered to the kernel: after it, the death of this process loses nothing of it. */
  flush(): void {
    this.#usable();
    if (this.#used === 0) return;
    this.#write();
    this.#timer ??= setTimeout(() => {
      this.#tick();
    }, CHECKPOINT_EVERY_MS).unref();
  }

  /** Writes the end and the last checkpoint and closes the file, also when it throws `recording-failed`. */
  async close(end: SessionEnded): Promise<ClosedRecording> {
    try {
      this.#usable();
      // Not by #append: its own checkpoint, when one is due, would be followed by this one, and nothing follows the last.
      this.#put(ENTRY_TYPES.end, undefined, 0, Buffer.from(JSON.stringify(end)));
      this.#checkpoint();
      this.#write();
      this.#ended = true;
    } finally {
      await this[Symbol.asyncDispose]();
    }
    return { path: this.path, bytes: this.#written, head: this.#lastCheckpoint.toString("hex") };
  }

  /** Closes the file as it is. Without `close` before it, the recording reads as one that was cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#dropScratch();
    await closeFile(this.#fd);
  }

  #append(type: number, from: Origin | undefined, channel: number, payload: Uint8Array): void {
    this.#usable();
    if (payload.length > MAX_PAYLOAD)
      throw this.#fail(new Error(`an entry of ${payload.length} bytes is over the bound`));
    if (this.bytes + ENTRY_HEADER_SIZE + payload.length > this.#most) throw full(this.path, this.#most);
    this.#put(type, from, channel, payload);
    if (this.#sinceCheckpoint >= CHECKPOINT_EVERY_BYTES) this.#checkpoint();
  }

  #put(type: number, from: Origin | undefined, channel: number, payload: Uint8Array): void {
    const size = ENTRY_HEADER_SIZE + payload.length;
    const { bytes, view } = this.#room(size);
    const elapsed = this.#now() - this.#startedAt;
    bytes.set(payload, this.#used + ENTRY_HEADER_SIZE);
    encodeEntryHead(
      bytes,
      view,
      this.#used,
      { type, from, channel, at: elapsed < 0n ? 0n : elapsed },
      payload.length,
    );
    this.#used += size;
    this.#sinceCheckpoint += size;
  }

  #checkpoint(): void {
    this.#room(CHECKPOINT_SIZE);
    this.#hashBuffered();
    this.#lastCheckpoint = this.#chain.checkpoint();
    this.#sinceCheckpoint = 0;
    this.#put(ENTRY_TYPES.checkpoint, undefined, 0, this.#lastCheckpoint);
  }

  /** Scratch memory with room for `size` more bytes, after writing out what is in the way. */
  #room(size: number): Scratch {
    if (this.#scratch !== undefined && this.#used + size > this.#scratch.bytes.length) this.#write();
    this.#scratch ??= takeScratch(size);
    return this.#scratch;
  }

  #hashBuffered(): void {
    if (this.#scratch === undefined || this.#hashed === this.#used) return;
    this.#chain.update(this.#scratch.bytes.subarray(this.#hashed, this.#used));
    this.#hashed = this.#used;
  }

  #write(): void {
    if (this.#scratch === undefined) return;
    this.#hashBuffered();
    const { bytes } = this.#scratch;
    try {
      for (let done = 0; done < this.#used;) done += writeSync(this.#fd, bytes, done, this.#used - done);
    } catch (error) {
      throw this.#fail(error);
    }
    this.#written += this.#used;
    this.#dropScratch();
  }

  #dropScratch(): void {
    if (this.#scratch !== undefined) giveScratch(this.#scratch);
    this.#scratch = undefined;
    this.#used = 0;
    this.#hashed = 0;
  }

  /** A second after the first write since the last tick: a checkpoint over it. Idle recordings have no timer. */
  #tick(): void {
    this.#timer = undefined;
    try {
      if (this.#sinceCheckpoint > CHECKPOINT_SIZE) this.#checkpoint();
      this.#write();
    } catch (error) {
      // #fail has kept it, and the session's next call throws it; a session that makes none must hear of it too.
      this.#onFailure?.(error as MitsubakoError);
    }
  }

  #usable(): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#ended || this.#closed) throw failure(this.path, new Error("it is closed"));
  }

  #fail(cause: unknown): MitsubakoError {
    this.#failed ??= failure(this.path, cause);
    this.#dropScratch();
    clearTimeout(this.#timer);
    return this.#failed;
  }
}

function full(path: string, most: number): MitsubakoError {
  return new MitsubakoError(
    "recording-full",
    `The recording ${path} has the ${most} bytes that it may have.`,
    {
      remedy: "Raise limits.recordingSize to keep longer sessions.",
    },
  );
}

function failure(path: string, cause: unknown): MitsubakoError {
  const full =
    cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
  return new MitsubakoError(
    "recording-failed",
    `The recording ${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
    { cause, ...(full ? { remedy: "Make room on that disk." } : {}) },
  );
}

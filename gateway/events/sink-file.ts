import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Policy } from "../model/policy.ts";
import { eventLine, type CowrieEvent } from "./cowrie-event.ts";
import type { EventSink } from "./sink.ts";

export const EVENT_FILE = "mitsubako.json";

/** `rotateAt`: size in bytes at which the file is set aside; it may be over it by one batch. `keep`: files set aside that are kept. */
export type FileSinkOptions = Pick<Policy["events"], "rotateAt" | "keep">;

/**
 * Appends events to `mitsubako.json` in a folder, a batch in one write. A file set aside is renamed to
 * `mitsubako.json.<time>`; the names sort by age. When the disk is full a batch is dropped whole: no line is ever torn.
 */
export class FileSink implements EventSink {
  readonly #folder: string;
  readonly #problem: (message: string) => void;
  #options: FileSinkOptions;
  #fd: number | undefined;
  #size = 0;
  /** Events dropped since the sink last worked. */
  #dropped = 0;

  /** @param problem told once when the sink begins to fail, and once when it works again. */
  constructor(folder: string, options: FileSinkOptions, problem: (message: string) => void) {
    this.#folder = folder;
    this.#options = options;
    this.#problem = problem;
  }

  configure(options: FileSinkOptions): void {
    this.#options = options;
  }

  write(events: readonly CowrieEvent[]): void {
    if (events.length === 0) return;
    try {
      this.#append(Buffer.from(events.map(eventLine).join(""), "utf8"));
    } catch (error) {
      if (this.#dropped === 0) this.#problem(`Events are being dropped: ${messageOf(error)}`);
      this.#dropped += events.length;
      return;
    }
    if (this.#dropped === 0) return;
    this.#problem(
      `Events are written again; ${this.#dropped} were dropped (they can be rebuilt from the recordings).`,
    );
    this.#dropped = 0;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #append(bytes: Buffer): void {
    if (this.#fd !== undefined && this.#size >= this.#options.rotateAt) this.#rotate();
    const fd = (this.#fd ??= this.#open());
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done);
      this.#size += bytes.length;
    } catch (error) {
      ftruncateSync(fd, this.#size);
      throw error;
    }
  }

  #open(): number {
    const fd = openSync(
      join(this.#folder, EVENT_FILE),
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
      0o640,
    );
    try {
      this.#size = cutTornLine(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  #rotate(): void {
    this.close();
    const name = nameAfter(rotatedFiles(this.#folder).at(-1), new Date());
    renameSync(join(this.#folder, EVENT_FILE), join(this.#folder, name));
    for (const old of rotatedFiles(this.#folder).slice(0, -this.#options.keep))
      unlinkSync(join(this.#folder, old));
  }
}

/** Names of the files set aside, the oldest first. */
export function rotatedFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^mitsubako\.json\.\d{8}T\d{9}Z(?:-\d{6})?$/.test(name))
    .sort();
}

/** A name that sorts after the newest there is, also within a millisecond and when the clock was set back. */
function nameAfter(newest: string | undefined, now: Date): string {
  const name = `${EVENT_FILE}.${now.toISOString().replace(/[-:.]/g, "")}`;
  if (newest === undefined || newest < name) return name;
  const [, base = name, again = "0"] = /^(.*Z)(?:-(\d{6}))?$/.exec(newest) ?? [];
  return `${base}-${String(Number(again) + 1).padStart(6, "0")}`;
}

/** What a killed writer left of a line is no event; it will be written again. Returns the file's size after it. */
function cutTornLine(fd: number): number {
  const { size } = fstatSync(fd);
  const chunk = Buffer.alloc(65_536);
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const read = readSync(fd, chunk, 0, end - start, start);
    const newline = chunk.subarray(0, read).lastIndexOf(0x0a);
    if (newline !== -1) {
      end = start + newline + 1;
      break;
    }
    end = start;
  }
  if (end !== size) ftruncateSync(fd, end);
  return end;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

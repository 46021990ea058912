import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Policy } from "../model/policy.ts";
import { eventLine, type WrittenEvent } from "./cowrie-event.ts";
import { cutTornLine } from "./torn-line.ts";
import type { EventSink } from "./sink.ts";

export const EVENT_FILE = "mitsubako.json";

/**
 * `rotateAt`: size in bytes at which the file is set aside; it may be over it by one batch. `rotate: daily`: also when its day (UTC) is
 * over. `keep`: files set aside that are kept.
 */
export type FileSinkOptions = Pick<Policy["events"], "rotate" | "rotateAt" | "keep">;

/**
 * Appends events to `mitsubako.json` in a folder, a batch in one write. A file set aside is renamed to `mitsubako.json.<time>`, or to
 * `mitsubako.json.<day>` as Cowrie's are; the names sort by age. One that somebody else moves away or truncates, as logrotate does, is
 * begun anew. When the disk is full a batch is dropped whole: no line is ever torn.
 */
export class FileSink implements EventSink {
  readonly #folder: string;
  readonly #problem: (message: string) => void;
  readonly #now: () => Date;
  #options: FileSinkOptions;
  #fd: number | undefined;
  #size = 0;
  /** On which the file was last written, as `2026-11-28`. */
  #day = "";
  /** Events dropped since the sink last worked. */
  #dropped = 0;

  /** @param problem told once when the sink begins to fail, and once when it works again. */
  constructor(
    folder: string,
    options: FileSinkOptions,
    problem: (message: string) => void,
    now: () => Date = () => new Date(),
  ) {
    this.#now = now;
    this.#folder = folder;
    this.#options = options;
    this.#problem = problem;
  }

  configure(options: FileSinkOptions): void {
    this.#options = options;
  }

  write(events: readonly WrittenEvent[]): void {
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
    this.#followMove();
    const today = dayOf(this.#now());
    this.#fd ??= this.#open();
    if (this.#size > 0 && this.#isFull(today)) {
      this.#rotate();
      this.#fd = this.#open();
    }
    const fd = this.#fd;
    this.#day = today;
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done);
      this.#size += bytes.length;
    } catch (error) {
      ftruncateSync(fd, this.#size);
      throw error;
    }
  }

  #isFull(today: string): boolean {
    const { rotate, rotateAt } = this.#options;
    return this.#size >= rotateAt || (rotate === "daily" && this.#day !== today);
  }

  /** Somebody may have moved the file away, or cut it, since the last write. */
  #followMove(): void {
    if (this.#fd === undefined) return;
    const there = statSync(join(this.#folder, EVENT_FILE), { throwIfNoEntry: false });
    if (there?.ino !== fstatSync(this.#fd).ino) this.close();
    else this.#size = there.size;
  }

  #open(): number {
    const fd = openSync(
      join(this.#folder, EVENT_FILE),
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
      0o640,
    );
    try {
      this.#size = cutTornLine(fd);
      this.#day = dayOf(fstatSync(fd).mtime);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  #rotate(): void {
    this.close();
    const stamp =
      this.#options.rotate === "daily" ? this.#day : this.#now().toISOString().replace(/[-:.]/g, "");
    const name = nameAfter(rotatedFiles(this.#folder).at(-1), `${EVENT_FILE}.${stamp}`);
    renameSync(join(this.#folder, EVENT_FILE), join(this.#folder, name));
    for (const old of rotatedFiles(this.#folder).slice(0, -this.#options.keep))
      unlinkSync(join(this.#folder, old));
  }
}

/** Names of the files set aside, the oldest first. */
export function rotatedFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => ROTATED.test(name))
    .sort((one, other) => (isAfter(one, other) ? 1 : -1));
}

const ROTATED = /^mitsubako\.json\.(?:\d{8}T\d{9}Z|\d{4}-\d\d-\d\d)(?:-\d{6})?$/;

/** By their digits, whether they are of a day or of a moment. */
function isAfter(one: string, other: string): boolean {
  return one.replace(/\D/g, "") > other.replace(/\D/g, "");
}

/** A name that sorts after the newest there is, also within a millisecond and when the clock was set back. */
function nameAfter(newest: string | undefined, name: string): string {
  if (newest === undefined || isAfter(name, newest)) return name;
  const [, base = name, again = "0"] = /^(.*?(?:Z|\.\d{4}-\d\d-\d\d))(?:-(\d{6}))?$/.exec(newest) ?? [];
  return `${base}-${String(Number(again) + 1).padStart(6, "0")}`;
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

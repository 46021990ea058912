import { closeSync, constants, ftruncateSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { unlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Policy } from "../model/policy.ts";
import { readCursor, readState, segmentName, segmentsIn, STATE_FILE } from "../model/spool.ts";
import { eventLine, type WrittenEvent } from "./cowrie-event.ts";
import type { EventSink } from "./sink.ts";
import { cutTornLine } from "./torn-line.ts";

export type WebhookPolicy = NonNullable<Policy["events"]["webhook"]>;

export interface SpoolFolders {
  /** Our own; nobody else writes there. */
  readonly spool: string;
  /** The courier's. */
  readonly courier: string;
}

/** What waits, and what was lost. */
export interface SpoolTally {
  /** Of events that the receiver has not taken. */
  readonly bytes: number;
  /** Events, ever. */
  readonly dropped: number;
}

const LARGEST_SEGMENT = 4 * 2 ** 20;
/** A full spool is said at most this often, in milliseconds. */
const SAID_EVERY = 60_000;

/**
 * Puts events into the spool of the webhook (gateway/model/spool.ts), in their order. Beyond the policy's room the oldest segments go,
 * whatever the courier makes of it; nobody waits for a receiver.
 */
export class SpoolSink implements EventSink {
  readonly #folders: SpoolFolders;
  readonly #problem: (message: string) => void;
  #policy: WebhookPolicy | undefined;
  /** Bytes by segment. */
  readonly #sizes = new Map<number, number>();
  #current = 0;
  #fd: number | undefined;
  #dropped: number;
  #saved: number;
  #saidAt = -Infinity;

  /** @throws where the folders are not there. */
  constructor(folders: SpoolFolders, policy: WebhookPolicy | undefined, problem: (message: string) => void) {
    this.#folders = folders;
    this.#policy = policy;
    this.#problem = problem;
    this.#dropped = this.#saved = readState(folders.spool).dropped;
    for (const segment of segmentsIn(folders.spool)) this.#sizes.set(segment, this.#sizeOf(segment));
    // Never a number that the courier has behind it.
    this.#current = Math.max(0, ...this.#sizes.keys(), (readCursor(folders.courier)?.segment ?? 0) + 1);
    if (this.#sizes.has(this.#current)) this.#fd = this.#open(this.#current);
  }

  configure(policy: WebhookPolicy | undefined): void {
    this.#policy = policy;
  }

  write(events: readonly WrittenEvent[]): void {
    if (this.#policy === undefined) return;
    const { only, spool } = this.#policy;
    const lines = events.filter(({ eventid }) => isAsked(eventid, only)).map(eventLine);
    const segment = Math.min(LARGEST_SEGMENT, Math.floor(spool / 8));
    for (const [index, chunk] of chunks(lines, segment)) {
      try {
        this.#append(Buffer.from(chunk, "utf8"), segment);
      } catch (error) {
        this.#lost(lines.length - index, error instanceof Error ? error.message : String(error));
        return;
      }
    }
    if (this.#total() > spool) this.#makeRoom(spool);
  }

  /** Removes what the receiver has taken. To be called now and then: a spool that nothing is written into shrinks, too. */
  tidy(): SpoolTally {
    const cursor = readCursor(this.#folders.courier);
    for (const segment of [...this.#sizes.keys()])
      if (cursor !== undefined && segment < cursor.segment && segment !== this.#current)
        this.#remove(segment);
    this.#save();
    const taken = Math.min(cursor?.offset ?? 0, this.#sizes.get(cursor?.segment ?? 0) ?? 0);
    return { bytes: this.#total() - taken, dropped: this.#dropped };
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #append(bytes: Buffer, most: number): void {
    if ((this.#sizes.get(this.#current) ?? 0) + bytes.length > most && this.#sizes.has(this.#current)) {
      this.close();
      this.#current++;
    }
    const fd = (this.#fd ??= this.#open(this.#current));
    const before = this.#sizes.get(this.#current) ?? 0;
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done);
      this.#sizes.set(this.#current, before + bytes.length);
    } catch (error) {
      ftruncateSync(fd, before);
      throw error;
    }
  }

  #open(segment: number): number {
    const fd = openSync(
      join(this.#folders.spool, segmentName(segment)),
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
      0o640,
    );
    try {
      this.#sizes.set(segment, cutTornLine(fd));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  #makeRoom(room: number): void {
    this.tidy();
    const cursor = readCursor(this.#folders.courier);
    let lost = 0;
    for (const segment of this.#sizes.keys()) {
      if (this.#total() <= room || segment === this.#current) break;
      const from = segment === cursor?.segment ? cursor.offset : 0;
      lost += linesIn(readFileSync(join(this.#folders.spool, segmentName(segment))).subarray(from));
      this.#remove(segment);
    }
    if (lost > 0) this.#lost(lost, "the receiver takes too little, and the spool is full");
  }

  #lost(events: number, why: string): void {
    this.#dropped += events;
    this.#save();
    if (performance.now() - this.#saidAt < SAID_EVERY) return;
    this.#saidAt = performance.now();
    this.#problem(`Events are not sent to the webhook: ${why}. Dropped so far: ${this.#dropped}.`);
  }

  /** For the courier, which tells the receiver. */
  #save(): void {
    if (this.#dropped === this.#saved) return;
    const path = join(this.#folders.spool, STATE_FILE);
    try {
      writeFileSync(`${path}.new`, JSON.stringify({ dropped: this.#dropped }), { mode: 0o640 });
      renameSync(`${path}.new`, path);
      this.#saved = this.#dropped;
    } catch {
      // A full disk, most likely. It is tried again with each look.
    }
  }

  #remove(segment: number): void {
    unlinkSync(join(this.#folders.spool, segmentName(segment)));
    this.#sizes.delete(segment);
  }

  #sizeOf(segment: number): number {
    return statSync(join(this.#folders.spool, segmentName(segment))).size;
  }

  #total(): number {
    let sum = 0;
    for (const size of this.#sizes.values()) sum += size;
    return sum;
  }
}

/** Whether the policy asks for it by its name without `cowrie.`, or by the family's. */
export function isAsked(eventid: string, only: readonly string[] | undefined): boolean {
  if (only === undefined) return true;
  const name = eventid.replace(/^cowrie\./, "");
  return only.some((asked) => (asked.endsWith(".*") ? name.startsWith(asked.slice(0, -1)) : name === asked));
}

/** Lines put together to pieces of at most so many bytes, or of one line; each with the index of its first line. */
function* chunks(lines: readonly string[], most: number): Generator<[index: number, chunk: string], void> {
  let start = 0;
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    const length = Buffer.byteLength(line);
    if (bytes > 0 && bytes + length > most) {
      yield [start, lines.slice(start, index).join("")];
      [start, bytes] = [index, 0];
    }
    bytes += length;
  }
  if (start < lines.length) yield [start, lines.slice(start).join("")];
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}

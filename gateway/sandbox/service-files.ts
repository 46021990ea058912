import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { arch, release, type, version } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteString } from "../model/bytes.ts";
import { GROWTH, isJournalGrown, JOURNAL_HEADER } from "./growth.ts";
import { below, type Layers } from "./layers.ts";
import type { TarFile } from "./tar.ts";

const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Larger ones count as changed. */
const MOST_BYTES = 512 * 1024;
/** journald begins another one here. */
const MOST_JOURNAL_BYTES = 2 ** 20;
/** Bytes between two turns of everybody else. */
const PIECE = 128 * 1024;

const GREETING = "/run/motd.dynamic";
const JOURNAL = /^\/run\/log\/journal\/[0-9a-f]{32}\/system\.journal$/;
/** Names come and go in these as services write; what matters among them is listed by itself. */
const FOLDERS = /^\/(run|var\/log|run\/systemd\/journal\/streams)$/;
/** journald's notes about services that write to it by a pipe: numbers and names, a line each. */
const STREAM = /^\/run\/systemd\/journal\/streams\/\d+:\d+$/;
const NOTE =
  /^# This is private data\. Do not parse\.?\n(?:(?:PRIORITY=\d{1,3}|(?:LEVEL_PREFIX|FORWARD_TO_(?:SYSLOG|KMSG|CONSOLE))=[01]|STREAM_ID=[0-9a-f]{32}|(?:IDENTIFIER|UNIT)=[\w.@:-]{1,64})\n){1,8}$/;
const MOST_NOTE_BYTES = 512n;
/** Of one sandbox: a service that is started leaves one. */
const MOST_NOTES = 16;

/**
 * Tells what a sandbox's services write by themselves from what somebody did to it. A log that only grew, by what its service
 * writes, is no news. One that was cut, replaced, given to somebody else, from which or into which anything else was written, is.
 * Lines that were taken out again since the last look, and those that were added in the service's own form, are not told apart: what
 * is no news is kept all the same. At most MOST_BYTES of a file are looked at, and everybody else has turns meanwhile.
 */
export class ServiceFiles {
  readonly #layers: Layers;
  readonly #greeting: Buffer;
  readonly #handedOver = new Map<ByteString, Buffer>();
  /** How much of each was the service's own when it was looked at last. */
  readonly #accepted = new Map<ByteString, { readonly length: number; readonly sha256: string }>();
  readonly #notes = new Set<ByteString>();

  /**
   * Of a sandbox that nobody is in; `paths` are those of its baseline. `logs` were put into it, and are shared with all that were made at that
   * time.
   */
  constructor(layers: Layers, paths: Iterable<ByteString>, logs: readonly TarFile[], hostname: string) {
    this.#layers = layers;
    const contents = new Map(logs.map(({ path, content }) => [`/${path}`, content]));
    // Debian's `uname -snrvm`, in /etc/update-motd.d.
    const machine = arch() === "x64" ? "x86_64" : arch() === "arm64" ? "aarch64" : arch();
    this.#greeting = Buffer.from(`${[type(), hostname, release(), version(), machine].join(" ")}\n`);
    for (const path of paths) {
      const isJournal = JOURNAL.test(path);
      if (!isJournal && !GROWTH.has(path)) continue;
      const content =
        asBuffer(contents.get(path)) ?? this.#begin(path, isJournal ? JOURNAL_HEADER : MOST_BYTES);
      this.#handedOver.set(path, content);
    }
  }

  isFolderOfTheirs(path: ByteString): boolean {
    return FOLDERS.test(path);
  }

  /** The greeting takes the place of another at each login. */
  isGreeting(path: ByteString, now: BigIntStats, root: number): boolean {
    if (path !== GREETING || !now.isFile() || Number(now.uid) !== root || now.nlink !== 1n) return false;
    const { length } = this.#greeting;
    return now.size === BigInt(length) && this.#begin(path, length).equals(this.#greeting);
  }

  isNote(path: ByteString, now: BigIntStats, root: number): boolean {
    if (!STREAM.test(path) || !now.isFile() || Number(now.uid) !== root || now.size > MOST_NOTE_BYTES)
      return false;
    if (now.nlink !== 1n || (!this.#notes.has(path) && this.#notes.size >= MOST_NOTES)) return false;
    if (!NOTE.test(this.#begin(path, Number(MOST_NOTE_BYTES)).toString("latin1"))) return false;
    this.#notes.add(path);
    return true;
  }

  /** A file that is still the one that was handed over, of the same owner and mode. The sandbox is frozen. */
  async isGrown(path: ByteString, now: BigIntStats): Promise<boolean> {
    const before = this.#handedOver.get(path);
    if (before === undefined) return false;
    if (JOURNAL.test(path))
      return now.size <= MOST_JOURNAL_BYTES && isJournalGrown(before, this.#begin(path, JOURNAL_HEADER));
    if (now.size > MOST_BYTES) return false;
    const content = await this.#read(path, now);
    const last = this.#accepted.get(path);
    if (last && (content.length < last.length || hashOf(content.subarray(0, last.length)) !== last.sha256))
      return false;
    if ((await GROWTH.get(path)?.(before, content)) !== true) return false;
    if (path.startsWith("/var/log/") && path !== "/var/log/lastlog")
      this.#accepted.set(path, { length: content.length, sha256: hashOf(content) });
    return true;
  }

  /** Its first bytes, at most so many: few, or of a sandbox that nobody was in. */
  #begin(path: ByteString, most: number): Buffer {
    const file = openSync(below(this.#layers.upper, path), CAREFULLY);
    try {
      const size = Math.min(fstatSync(file).size, most);
      return fill(file, Buffer.alloc(size), 0, size);
    } finally {
      closeSync(file);
    }
  }

  async #read(path: ByteString, { size }: BigIntStats): Promise<Buffer> {
    const content = Buffer.alloc(Number(size));
    const file = openSync(below(this.#layers.upper, path), CAREFULLY);
    try {
      for (let at = 0; at < content.length; at += PIECE) {
        fill(file, content, at, Math.min(content.length, at + PIECE));
        await nextTurn();
      }
    } finally {
      closeSync(file);
    }
    return content;
  }
}

/** What the file does not have stays zero. */
function fill(file: number, buffer: Buffer, from: number, to: number): Buffer {
  for (let at = from; at < to;) {
    const got = readSync(file, buffer, at, to - at, at);
    if (got === 0) break;
    at += got;
  }
  return buffer;
}

/** The same bytes, not a copy. */
function asBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hashOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

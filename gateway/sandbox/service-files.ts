import { createHash } from "node:crypto";
import { constants, readFileSync, type BigIntStats } from "node:fs";
import { arch, release, type, version } from "node:os";
import type { ByteString } from "../model/bytes.ts";
import { below, type Layers } from "./layers.ts";
import type { TarFile } from "./tar.ts";

/** Of lastlog(5) and utmp(5) as glibc has them. */
const LASTLOG_BYTES = 292;
const UTMP_BYTES = 384;
const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Larger ones count as changed. */
const MOST_BYTES = 8 * 2 ** 20;

/** Whether a service made the one into the other by what it does all day. Contents are the stranger's: bounded, linear, never text for anybody. */
type Growth = (before: Buffer, now: Buffer) => boolean;

/** As rsyslog writes lines, with control characters escaped; and nginx. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d [!-~]+ [!-~][^\0-\x1f\x7f]*$/; // eslint-disable-line no-control-regex
const REQUEST = /^[0-9a-f.:]+ - [!-~]+ \[[!-Z^-~ ]+\] "[ !-~]*$/;
const ERROR = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[[a-z]+\] [^\0-\x1f\x7f]*$/; // eslint-disable-line no-control-regex

const GROWTH: ReadonlyMap<string, Growth> = new Map([
  ...["auth.log", "syslog", "cron.log", "kern.log", "user.log"].map(
    (name): [string, Growth] => [`/var/log/${name}`, linesLike(LOG_LINE)],
  ),
  ["/var/log/nginx/access.log", linesLike(REQUEST)],
  ["/var/log/nginx/error.log", linesLike(ERROR)],
  ["/var/log/wtmp", recordsOf(7, 8)],
  ["/var/log/btmp", recordsOf(6)],
  ["/var/log/lastlog", laterLogins],
  ["/run/utmp", presentLogins],
]); // prettier-ignore

const GREETING = "/run/motd.dynamic";
const JOURNAL = /^\/run\/log\/journal\/[0-9a-f]{32}\/system\.journal$/;
const JOURNAL_HEADER = 184;
/** Names come and go in these as services write; what matters among them is listed by itself. */
const FOLDERS = /^\/(run|var\/log|run\/systemd\/journal\/streams)$/;
/** journald's notes about services that write to it by a pipe: numbers and names, a line each. */
const STREAM = /^\/run\/systemd\/journal\/streams\/\d+:\d+$/;
const NOTE = /^# This is private data\. Do not parse\.?\n(?:[A-Z_]+=[\w. :/-]*\n)*$/;
const MOST_NOTE_BYTES = 1024n;

/**
 * Tells what a sandbox's services write by themselves from what somebody did to it. A log that only grew, by what its service
 * writes, is no news. One that was cut, replaced, given to somebody else, from which or into which anything else was written, is.
 * Lines that were taken out again since the last look, and those that were added in the service's own form, are not told apart.
 */
export class ServiceFiles {
  readonly #layers: Layers;
  readonly #greeting: Buffer;
  readonly #handedOver = new Map<ByteString, Buffer>();
  /** How much of each was the service's own when it was looked at last. */
  readonly #accepted = new Map<ByteString, { readonly length: number; readonly sha256: string }>();

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
    for (const path of paths)
      if (GROWTH.has(path)) this.#handedOver.set(path, asBuffer(contents.get(path)) ?? this.#read(path));
      else if (JOURNAL.test(path))
        this.#handedOver.set(path, Buffer.from(this.#read(path).subarray(0, JOURNAL_HEADER)));
  }

  isFolderOfTheirs(path: ByteString): boolean {
    return FOLDERS.test(path);
  }

  /** The greeting takes the place of another at each login. */
  isGreeting(path: ByteString, now: BigIntStats, root: number): boolean {
    if (path !== GREETING || !now.isFile() || Number(now.uid) !== root || now.nlink !== 1n) return false;
    return now.size === BigInt(this.#greeting.length) && this.#read(path).equals(this.#greeting);
  }

  isNote(path: ByteString, now: BigIntStats, root: number): boolean {
    if (!STREAM.test(path) || !now.isFile() || Number(now.uid) !== root || now.size > MOST_NOTE_BYTES)
      return false;
    return now.nlink === 1n && NOTE.test(this.#read(path).toString("latin1"));
  }

  /** A file that is still the one that was handed over, of the same owner and mode. The sandbox is frozen. */
  isGrown(path: ByteString, now: BigIntStats): boolean {
    const before = this.#handedOver.get(path);
    if (before === undefined || now.size > MOST_BYTES) return false;
    const content = this.#read(path);
    if (JOURNAL.test(path)) return isJournalGrown(before, content);
    const last = this.#accepted.get(path);
    if (last && (content.length < last.length || hashOf(content.subarray(0, last.length)) !== last.sha256))
      return false;
    if (GROWTH.get(path)?.(before, content) !== true) return false;
    if (path.startsWith("/var/log/") && path !== "/var/log/lastlog")
      this.#accepted.set(path, { length: content.length, sha256: hashOf(content) });
    return true;
  }

  #read(path: ByteString): Buffer {
    return readFileSync(below(this.#layers.upper, path), { flag: CAREFULLY as unknown as string });
  }
}

/** The same bytes, not a copy. */
function asBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hashOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Written to without having grown: somebody took something out. */
function added(before: Buffer, now: Buffer): Buffer | undefined {
  const isLonger = now.length > before.length && now.subarray(0, before.length).equals(before);
  return isLonger ? now.subarray(before.length) : undefined;
}

function linesLike(form: RegExp): Growth {
  return (before, now) => {
    const text = added(before, now)?.toString("latin1");
    return text?.endsWith("\n") === true && text.slice(0, -1).split("\n").every((line) => form.test(line)); // prettier-ignore
  };
}

function recordsOf(...types: readonly number[]): Growth {
  return (before, now) => {
    const records = added(before, now);
    return records !== undefined && isEvery(records, UTMP_BYTES, (at) => isRecord(records, at, types));
  };
}

/** Its first two tell of the machine's start; the others are of terminals, and used again. */
function presentLogins(before: Buffer, now: Buffer): boolean {
  if (now.length < before.length) return false;
  return isEvery(
    now,
    UTMP_BYTES,
    (at) => isEqual(before, now, at, UTMP_BYTES) || isRecord(now, at, [6, 7, 8]),
  );
}

/** A record for each user: later than it was, and with a terminal. */
function laterLogins(before: Buffer, now: Buffer): boolean {
  if (now.length < before.length || now.equals(before)) return false;
  return isEvery(now, LASTLOG_BYTES, (at) => {
    if (isEqual(before, now, at, LASTLOG_BYTES)) return true;
    const then = at < before.length ? before.readInt32LE(at) : 0;
    const time = now.readInt32LE(at);
    return time >= then && (time > 0 ? now[at + 4] !== 0 : now.subarray(at, at + LASTLOG_BYTES).every((byte) => byte === 0)); // prettier-ignore
  });
}

function isRecord(records: Buffer, at: number, types: readonly number[]): boolean {
  return types.includes(records.readInt16LE(at)) && records.readInt32LE(at + 340) > 0;
}

function isEvery(content: Buffer, length: number, holds: (at: number) => boolean): boolean {
  if (content.length % length !== 0) return false;
  for (let at = 0; at < content.length; at += length) if (!holds(at)) return false;
  return true;
}

function isEqual(before: Buffer, now: Buffer, at: number, length: number): boolean {
  return before.subarray(at, at + length).equals(now.subarray(at, at + length));
}

/**
 * journald writes within the file, so only its head is compared: the same file, whose numbers of entries go on without a gap. By
 * systemd's JOURNAL_FILE_FORMAT: ids at 24 and 72, entries at 152, the numbers of the last and the first at 160 and 168.
 */
function isJournalGrown(before: Buffer, now: Buffer): boolean {
  if (now.length < JOURNAL_HEADER || before.length < JOURNAL_HEADER) return false;
  const isSame = (from: number, to: number) => before.subarray(from, to).equals(now.subarray(from, to));
  const number = (buffer: Buffer, at: number) => buffer.readBigUInt64LE(at);
  if (!isSame(0, 8) || !isSame(24, 56) || !isSame(72, 88)) return false;
  const [count, last, first] = [number(now, 152), number(now, 160), number(now, 168)];
  return count >= number(before, 152) && (count === 0n || last - first + 1n === count);
}

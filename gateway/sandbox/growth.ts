import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteString } from "../model/bytes.ts";

/** Whether a service made the one into the other by what it does all day. Contents are the stranger's: bounded, linear, never text for anybody. */
export type Growth = (before: Buffer, now: Buffer) => boolean | Promise<boolean>;

/** Of lastlog(5) and utmp(5) as glibc has them. */
const LASTLOG_BYTES = 292;
const UTMP_BYTES = 384;
/** Of one line; rsyslog writes 8 KiB, nginx a request's 8 KiB four times over. */
const MOST_LINE = 32 * 1024;
/** Bytes between two turns of everybody else: well under a millisecond. */
const PIECE = 64 * 1024;
/** What a process number cannot reach. */
const PIDS = 2 ** 22;

/** As rsyslog writes lines, with control characters escaped; and nginx. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d [!-~]+ [!-~][^\0-\x1f\x7f]*$/; // eslint-disable-line no-control-regex
const REQUEST = /^[0-9a-f.:]+ - [!-~]+ \[[!-Z^-~ ]+\] "[ !-~]*$/;
const ERROR = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[[a-z]+\] [^\0-\x1f\x7f]*$/; // eslint-disable-line no-control-regex
/** What C programs put into a field of bytes. */
const FIELD = /^[ -~]*\0*$/;

/** By path. */
export const GROWTH: ReadonlyMap<ByteString | string, Growth> = new Map([
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

/** Bytes of a journal's head that are compared. */
export const JOURNAL_HEADER = 184;

/**
 * journald writes within the file, so only its head is compared: the same file, whose numbers of entries go on without a gap. By
 * systemd's JOURNAL_FILE_FORMAT: ids at 24 and 72, entries at 152, the numbers of the last and the first at 160 and 168.
 */
export function isJournalGrown(before: Buffer, now: Buffer): boolean {
  if (now.length < JOURNAL_HEADER || before.length < JOURNAL_HEADER) return false;
  const isSame = (from: number, to: number) => before.subarray(from, to).equals(now.subarray(from, to));
  const number = (buffer: Buffer, at: number) => buffer.readBigUInt64LE(at);
  if (!isSame(0, 8) || !isSame(24, 56) || !isSame(72, 88)) return false;
  const [count, last, first] = [number(now, 152), number(now, 160), number(now, 168)];
  return count >= number(before, 152) && (count === 0n || last - first + 1n === count);
}

/** Written to without having grown: somebody took something out. */
function isLonger(before: Buffer, now: Buffer): boolean {
  return now.length > before.length && isEqual(before, now, 0, before.length);
}

function linesLike(form: RegExp): Growth {
  return async (before, now) => {
    if (!isLonger(before, now)) return false;
    let turn = before.length;
    for (let at = before.length; at < now.length;) {
      const end = now.indexOf("\n", at, "latin1");
      if (end < 0 || end - at > MOST_LINE || !form.test(now.toString("latin1", at, end))) return false;
      at = end + 1;
      if (at - turn < PIECE) continue;
      turn = at;
      await nextTurn();
    }
    return true;
  };
}

function recordsOf(...types: readonly number[]): Growth {
  return (before, now) => {
    if (!isLonger(before, now)) return false;
    const records = now.subarray(before.length);
    return isEvery(records, UTMP_BYTES, (at) => isRecord(records, at, types));
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
    if (time < then) return false;
    if (time <= 0) return now.subarray(at, at + LASTLOG_BYTES).every((byte) => byte === 0);
    return now[at + 4] !== 0 && isField(now, at + 4, 32) && isField(now, at + 36, 256);
  });
}

/** Its line, id, user and host are text, its numbers such as there are, and nothing stands where nothing belongs. */
function isRecord(records: Buffer, at: number, types: readonly number[]): boolean {
  const { length } = records.subarray(at, at + UTMP_BYTES);
  if (length < UTMP_BYTES) return false;
  const isNumber = (place: number, below: number) => records.readUInt32LE(at + place) < below;
  return (
    types.includes(records.readInt16LE(at)) &&
    records.readInt32LE(at + 340) > 0 &&
    records.readUInt16LE(at + 2) === 0 &&
    isNumber(4, PIDS) &&
    isNumber(336, PIDS) &&
    isNumber(344, 1_000_000) &&
    isField(records, at + 8, 32) &&
    isField(records, at + 40, 4) &&
    isField(records, at + 44, 32) &&
    isField(records, at + 76, 256) &&
    records.subarray(at + 364, at + UTMP_BYTES).every((byte) => byte === 0)
  );
}

function isField(content: Buffer, at: number, length: number): boolean {
  return FIELD.test(content.toString("latin1", at, at + length));
}

function isEvery(content: Buffer, length: number, holds: (at: number) => boolean): boolean {
  if (content.length % length !== 0) return false;
  for (let at = 0; at < content.length; at += length) if (!holds(at)) return false;
  return true;
}

function isEqual(before: Buffer, now: Buffer, at: number, length: number): boolean {
  return before.subarray(at, at + length).equals(now.subarray(at, at + length));
}

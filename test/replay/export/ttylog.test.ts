import assert from "node:assert/strict";
import { test } from "node:test";
import { BINARY, conversation, exported, recorded, SHELL, STARTED_MICROS } from "./sample.ts";

interface LogRecord {
  readonly op: number;
  readonly tty: number;
  readonly direction: number;
  readonly micros: number;
  readonly data: Buffer;
}

/** A reader from the format's facts: `<iLiiLL` and that many bytes, until the CLOSE. */
function readTtylog(log: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < log.length;) {
    const length = log.readUInt32LE(at + 8);
    records.push({
      op: log.readInt32LE(at),
      tty: log.readUInt32LE(at + 4),
      direction: log.readInt32LE(at + 12),
      micros: log.readUInt32LE(at + 16) * 1e6 + log.readUInt32LE(at + 20),
      data: log.subarray(at + 24, at + 24 + length),
    });
    at += 24 + length;
  }
  return records;
}

test("a shell's log has every byte of both directions at its time of day", async (t) => {
  const path = await recorded(t, conversation().whole());
  const records = readTtylog((await exported({ session: path, format: "ttylog" })).stdout);
  const opened = STARTED_MICROS + 1_040_000;
  assert.deepEqual(records[0], { op: 1, tty: 0, direction: 0, micros: opened, data: Buffer.alloc(0) });
  assert.deepEqual(records.at(-1), {
    op: 2,
    tty: 0,
    direction: 0,
    micros: opened + 5_000_000,
    data: Buffer.alloc(0),
  });
  assert.deepEqual(
    records.slice(1, -1),
    SHELL.map(({ from, at, data }) => ({
      op: 3,
      tty: 0,
      direction: from === "in" ? 1 : 2,
      micros: opened + at * 1000,
      data,
    })),
  );
});

test("an exec request's log begins with its command line", async (t) => {
  const path = await recorded(t, conversation().whole());
  const records = readTtylog((await exported({ session: path, format: "ttylog", channel: 2 })).stdout);
  assert.deepEqual(
    records.map(({ op, direction, data }) => [op, direction, data.toString("latin1")]),
    [
      [1, 0, ""],
      [3, 3, "sort >&2; cat /dev/bin"],
      [3, 1, "b\na\n"],
      [3, 2, "a\nb\n"],
      [3, 2, BINARY.toString("latin1")],
      [2, 0, ""],
    ],
  );
});

test("to a terminal it does not go", async (t) => {
  const path = await recorded(t, conversation().whole());
  await assert.rejects(exported({ session: path, format: "ttylog" }, true), /is not for a terminal/);
});

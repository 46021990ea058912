import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { EVENT_FILE, FileSink, rotatedFiles } from "../../gateway/events/sink-file.ts";
import { StdoutSink } from "../../gateway/events/sink-stdout.ts";
import { lastWritten } from "../../gateway/events/written.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "mitsubako-test-sinks-"));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

function events(first: number, count: number, session = "0a1b2c3d4e5f"): CowrieEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    eventid: "cowrie.command.input",
    timestamp: "2026-11-23T02:15:37.223438Z",
    session,
    mitsubako_sequence: first + index,
    input: "x".repeat(100),
  }));
}

function sequences(path: string): number[] {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as CowrieEvent).mitsubako_sequence);
}

test("the file is set aside at its size, and the oldest ones go", (t) => {
  const path = folder(t);
  const sink = new FileSink(path, { rotate: "size", rotateAt: 2000, keep: 3 }, assert.fail);
  for (let batch = 0; batch < 40; batch++) sink.write(events(batch * 5, 5));
  sink.close();
  assert.equal(rotatedFiles(path).length, 3);
  const kept = [...rotatedFiles(path), EVENT_FILE].flatMap((name) => sequences(join(path, name)));
  assert.deepEqual(
    kept,
    Array.from(kept, (_, index) => 200 - kept.length + index),
  );
  for (const name of readdirSync(path)) {
    assert.equal(statSync(join(path, name)).mode & 0o777, 0o640);
    assert.ok(statSync(join(path, name)).size < 4000);
  }
});

test("by the day: the file of a day that is over is set aside under its name, also in pieces", (t) => {
  const path = folder(t);
  let now = new Date("2026-11-28T23:59:00Z");
  const options = { rotate: "daily", rotateAt: 1000, keep: 9 } as const;
  const sink = new FileSink(path, options, assert.fail, () => now);
  sink.write(events(0, 1));
  sink.write(events(1, 1));
  assert.deepEqual(rotatedFiles(path), []);
  now = new Date("2026-11-29T00:00:01Z");
  sink.write(events(2, 9));
  sink.write(events(11, 9));
  sink.write(events(20, 1));
  now = new Date("2026-12-01T10:00:00Z");
  sink.write(events(21, 1));
  sink.close();
  assert.deepEqual(rotatedFiles(path), [
    "mitsubako.json.2026-11-28",
    "mitsubako.json.2026-11-29",
    "mitsubako.json.2026-11-29-000001",
    "mitsubako.json.2026-11-29-000002",
  ]);
  const kept = [...rotatedFiles(path), EVENT_FILE].flatMap((name) => sequences(join(path, name)));
  assert.deepEqual(
    kept,
    Array.from({ length: 22 }, (_, index) => index),
  );
});

test("by the day: what an earlier process wrote yesterday is set aside first", (t) => {
  const path = folder(t);
  const options = { rotate: "daily", rotateAt: 1e9, keep: 9 } as const;
  const first = new FileSink(path, options, assert.fail);
  first.write(events(0, 1));
  first.close();
  const yesterday = new Date("2026-11-01T12:00:00Z");
  utimesSync(join(path, EVENT_FILE), yesterday, yesterday);
  const second = new FileSink(path, options, assert.fail);
  second.write(events(1, 1));
  second.close();
  assert.deepEqual(rotatedFiles(path), ["mitsubako.json.2026-11-01"]);
  assert.deepEqual(sequences(join(path, EVENT_FILE)), [1]);
});

test("names sort by age when the rotation was changed from one kind to the other", (t) => {
  const path = folder(t);
  for (const name of ["20261127T101500000Z", "2026-11-28", "20261128T101500000Z-000001", "2026-11-27"])
    writeFileSync(join(path, `${EVENT_FILE}.${name}`), "");
  assert.deepEqual(
    rotatedFiles(path).map((name) => name.slice(EVENT_FILE.length + 1)),
    ["2026-11-27", "20261127T101500000Z", "2026-11-28", "20261128T101500000Z-000001"],
  );
});

test("a file that somebody moved away, as logrotate does, is begun anew and nothing is lost", (t) => {
  const path = folder(t);
  const sink = new FileSink(path, { rotate: "size", rotateAt: 1e9, keep: 1 }, assert.fail);
  sink.write(events(0, 2));
  renameSync(join(path, EVENT_FILE), join(path, "moved"));
  sink.write(events(2, 2));
  copyFileSync(join(path, EVENT_FILE), join(path, "copied"));
  truncateSync(join(path, EVENT_FILE));
  sink.write(events(4, 1));
  rmSync(join(path, EVENT_FILE));
  sink.write(events(5, 1));
  sink.close();
  assert.deepEqual(sequences(join(path, "moved")), [0, 1]);
  assert.deepEqual(sequences(join(path, "copied")), [2, 3]);
  assert.deepEqual(sequences(join(path, EVENT_FILE)), [5]);
});

test("a batch is one write: a reader never sees half of one", (t) => {
  const path = folder(t);
  const sink = new FileSink(path, { rotate: "size", rotateAt: 1e9, keep: 1 }, assert.fail);
  sink.write(events(0, 3));
  sink.write([]);
  sink.close();
  assert.deepEqual(sequences(join(path, EVENT_FILE)), [0, 1, 2]);
});

test("a full disk drops whole batches, says so once, and goes on when there is room", (t) => {
  assert.equal(process.getuid?.(), 0, "this test mounts a small file system, which needs root");
  const path = folder(t);
  using stack = new DisposableStack();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "mitsubako-test", path]);
  stack.defer(() => execFileSync("umount", [path]));
  const problems: string[] = [];
  const sink = new FileSink(path, { rotate: "size", rotateAt: 1e9, keep: 1 }, (problem) =>
    problems.push(problem),
  );
  stack.defer(() => {
    sink.close();
  });
  writeFileSync(join(path, "ballast"), Buffer.alloc(40_000));
  for (let batch = 0; batch < 100; batch++) sink.write(events(batch * 3, 3));
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /dropped.*ENOSPC/);
  const before = sequences(join(path, EVENT_FILE));
  assert.equal(before.length % 3, 0, "no batch is torn");
  assert.ok(before.length < 300);
  rmSync(join(path, "ballast"));
  sink.write(events(300, 3));
  assert.equal(problems.length, 2);
  assert.match(problems[1] ?? "", new RegExp(`; ${300 - before.length} were dropped`));
  assert.deepEqual(sequences(join(path, EVENT_FILE)), [...before, 300, 301, 302]);
});

test("a folder that cannot be written to is a full disk too", (t) => {
  const path = join(folder(t), "not-there");
  const problems: string[] = [];
  const sink = new FileSink(path, { rotate: "size", rotateAt: 1e9, keep: 1 }, (problem) =>
    problems.push(problem),
  );
  sink.write(events(0, 2));
  assert.equal(problems.length, 1);
  mkdirSync(path);
  sink.write(events(2, 1));
  assert.equal(problems.length, 2);
  sink.close();
});

test("what was written of a session is found again, over set-aside files and torn lines", async (t) => {
  const path = folder(t);
  const sink = new FileSink(path, { rotate: "size", rotateAt: 1000, keep: 9 }, assert.fail);
  for (let batch = 0; batch < 6; batch++) {
    sink.write(events(batch * 4, 4, "aaaaaaaaaaaa"));
    sink.write(events(batch, 1, "bbbbbbbbbbbb"));
  }
  // A stranger writes what looks like an event of another session into a command.
  sink.write([
    {
      ...events(0, 1, "cccccccccccc")[0],
      input: '","session":"aaaaaaaaaaaa","mitsubako_sequence":99,',
    } as CowrieEvent,
  ]);
  sink.close();
  const last = await lastWritten(path, new Set(["aaaaaaaaaaaa", "bbbbbbbbbbbb", "dddddddddddd"]), 0);
  assert.deepEqual([...last].sort(), [
    ["aaaaaaaaaaaa", 23],
    ["bbbbbbbbbbbb", 5],
  ]);
  assert.equal((await lastWritten(path, new Set(["aaaaaaaaaaaa"]), Date.now() + 60_000)).size, 0);
});

test("standard output that nobody reads loses events, and stops nobody", () => {
  const problems: string[] = [];
  let release: (() => void) | undefined;
  const stuck = new Writable({
    highWaterMark: 1024,
    write: (_chunk, _encoding, done) => {
      release ??= done;
    },
  });
  const sink = new StdoutSink((problem) => problems.push(problem), stuck);
  for (let batch = 0; batch < 1000; batch++) sink.write(events(0, 100));
  assert.ok(stuck.writableLength < 9 * 1024 * 1024);
  assert.equal(problems.length, 1);
  stuck.destroy(new Error("gone"));
});

test("standard output that is gone is left alone", async () => {
  const problems: string[] = [];
  const gone = new Writable({
    write: (_chunk, _encoding, done) => {
      done(new Error("EPIPE"));
    },
  });
  const sink = new StdoutSink((problem) => problems.push(problem), gone);
  sink.write(events(0, 1));
  await new Promise(setImmediate);
  sink.write(events(1, 1));
  assert.equal(problems.length, 1);
});

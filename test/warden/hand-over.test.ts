import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import { recordings } from "../../gateway/index/find-recording.ts";
import type { ToArchivist } from "../../gateway/model/archivist-messages.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { livePath, recordingFolder } from "../../gateway/warden/hand-over.ts";
import { Recordings } from "../../gateway/warden/recordings.ts";

const A = "aaaaaaaaaaaa" as SessionId;
/** Any but root's: a front's user, and the archivist's group. */
const [FRONT, READERS] = [1_900_000_001, 1_900_000_063];

class Bench {
  readonly data: string;
  readonly toArchivist: ToArchivist[] = [];
  readonly logged: string[] = [];
  readonly live: string;
  readonly taken: string;

  constructor(t: TestContext) {
    assert.equal(process.getuid?.(), 0, "this test gives files to other users, which needs root");
    this.data = mkdtempSync(join(tmpdir(), "mitsubako-test-hand-over-"));
    t.after(() => {
      rmSync(this.data, { recursive: true, force: true });
    });
    for (const folder of ["live/0", "recordings"]) mkdirSync(join(this.data, folder), { recursive: true });
    this.live = join(this.data, livePath(0, A));
    this.taken = join(this.data, "live/taken", A);
  }

  /** The warden's part, as at a start. */
  recordings(): Recordings {
    const archivist = { tell: (message: ToArchivist) => void this.toArchivist.push(message) };
    const log = pino({ level: "warn" }, { write: (line) => this.logged.push(line) });
    return new Recordings(this.data, READERS, archivist, log);
  }

  /** What a front leaves. */
  write(): void {
    writeFileSync(this.live, "a recording");
    chownSync(this.live, FRONT, FRONT);
    chmodSync(this.live, 0o600);
  }

  /** Every file of the data folder. */
  files(): string[] {
    return readdirSync(this.data, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
  }

  inItsPlace(day = new Date()): void {
    const folder = recordingFolder(A, day);
    const file = join(this.data, folder, "session.mbr");
    assert.deepEqual(this.files(), [file]);
    assert.equal(readFileSync(file, "utf8"), "a recording");
    for (const [path, wanted] of [
      [file, 0o640],
      [join(file, ".."), 0o750],
      [join(file, "../.."), 0o750],
    ] as const) {
      const { uid, gid, mode } = statSync(path);
      assert.deepEqual([uid, gid, mode & 0o777], [0, READERS, wanted], path);
    }
    assert.deepEqual(readdirSync(join(this.data, "live/taken")), []);
    assert.deepEqual(this.toArchivist.at(-1), { kind: "session-finished", session: A, path: folder });
    assert.deepEqual(this.logged, []);
  }
}

test("a finished recording comes to its day, for the archivist to read", async (t) => {
  const bench = new Bench(t);
  const recordings = bench.recordings();
  const startedAt = new Date("2026-11-23T23:59:59.999Z");
  recordings.opened(0, A, startedAt);
  bench.write();
  await recordings.finished(0, A, startedAt);
  bench.inItsPlace(startedAt);
});

test("a session whose front died before it had begun a recording leaves no folder, and is not waited for", async (t) => {
  const bench = new Bench(t);
  const recorder = bench.recordings();
  recorder.opened(0, A, new Date());
  await recorder.finished(0, A, new Date());
  assert.deepEqual(readdirSync(join(bench.data, "recordings")), []);
  assert.deepEqual(readdirSync(join(bench.data, "live/taken")), []);
  assert.deepEqual(bench.toArchivist.at(-1), { kind: "session-vanished", session: A });
  assert.match(bench.logged.join(), /before it had begun the recording/);
});

/** What a warden leaves that is killed between two steps of a hand-over. */
const STEPS: readonly (readonly [when: string, leave: (bench: Bench) => void])[] = [
  ["before the first step", () => undefined],
  ["when the folder is made", ({ taken }) => void mkdirSync(taken, { recursive: true })],
  [
    "when the recording is moved",
    ({ live, taken }) => {
      mkdirSync(taken, { recursive: true, mode: 0o700 });
      renameSync(live, join(taken, "session.mbr"));
    },
  ],
  [
    "before the last step",
    ({ data, live, taken }) => {
      mkdirSync(taken, { recursive: true });
      renameSync(live, join(taken, "session.mbr"));
      chownSync(join(taken, "session.mbr"), 0, READERS);
      mkdirSync(join(data, recordingFolder(A, new Date()), ".."));
    },
  ],
];
for (const [when, leave] of STEPS)
  test(`a warden killed ${when} leaves one recording, which the next start puts in its place`, async (t) => {
    const bench = new Bench(t);
    bench.write();
    leave(bench);
    assert.equal([...recordings(bench.data)].length, 1, "meanwhile it can be read where it is");
    await bench.recordings().recover();
    bench.inItsPlace();
    assert.equal([...recordings(bench.data)].length, 1);
  });

const NO_RECORDINGS: readonly (readonly [what: string, make: (path: string) => void])[] = [
  [
    "a link",
    (path) => {
      symlinkSync("/etc/shadow", path);
    },
  ],
  ["a folder", (path) => void mkdirSync(join(path, "within"), { recursive: true })],
  ["a pipe", (path) => void execFileSync("mkfifo", [path])],
  [
    "a file with two names",
    (path) => {
      writeFileSync(`${path}.other`, "");
      linkSync(`${path}.other`, path);
    },
  ],
];
for (const [what, make] of NO_RECORDINGS)
  test(`${what} in a recording's place is taken for none, and goes`, async (t) => {
    const bench = new Bench(t);
    make(bench.live);
    await bench.recordings().recover();
    assert.equal(existsSync(bench.live), false);
    assert.deepEqual(readdirSync(join(bench.data, "recordings")), []);
    assert.deepEqual(readdirSync(join(bench.data, "live/taken")), []);
    assert.match(bench.logged.join(), /not a plain file/);
    assert.deepEqual(bench.toArchivist, []);
  });

import assert from "node:assert/strict";
import { createHash, createPublicKey } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import {
  hashOfLine,
  isSealedEntry,
  NO_PREVIOUS,
  readLedgerLine,
  type LedgerEntry,
} from "../../gateway/model/ledger.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { sealRecording } from "../../gateway/recording/seal.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { Seals } from "../../gateway/warden/seals.ts";
import { ownFolder, SESSION, smallRecording } from "../recording/sample.ts";

const READERS = 1_900_000_063;
const FOLDER = `recordings/2026-11-23/${SESSION}`;
const OTHER = "bbbbbbbbbbbb" as SessionId;

class Bench {
  readonly data: string;
  readonly logged: string[] = [];
  readonly log = pino({ level: "warn" }, { write: (line) => this.logged.push(line) });

  constructor(t: TestContext) {
    assert.equal(process.getuid?.(), 0, "this test gives files to another group, which needs root");
    this.data = ownFolder(t);
    for (const folder of ["keys", "live/taken", "sealing", FOLDER, `recordings/2026-11-23/${OTHER}`])
      mkdirSync(join(this.data, folder), { recursive: true });
  }

  open(): Promise<Seals> {
    return Seals.open({ data: this.data, readers: READERS, log: this.log });
  }

  path(of: string): string {
    return join(this.data, of);
  }

  /** A finished recording in its place, and its sealed form where the archivist leaves it. Gives the plain bytes. */
  async recorded(session = SESSION): Promise<Buffer> {
    const folder = this.path(`recordings/2026-11-23/${session}`);
    renameSync(
      await smallRecording(this.path(`recordings/2026-11-23/${session}`)),
      join(folder, "session.mbr"),
    );
    await sealRecording(join(folder, "session.mbr"), this.path(`sealing/${session}.mbr`), session, []);
    return readFileSync(join(folder, "session.mbr"));
  }

  get recording(): string {
    return this.path(`${FOLDER}/session.mbr`);
  }

  lines(): string[] {
    return readFileSync(this.path("ledger.jsonl"), "utf8").split("\n").slice(0, -1);
  }

  /** The ledger, each line signed and following the one before. */
  entries(): LedgerEntry[] {
    const key = createPublicKey(readFileSync(this.path("ledger.pub")));
    let previous = NO_PREVIOUS;
    return this.lines().map((line, index) => {
      const entry = readLedgerLine(line, key);
      assert.ok(entry, line);
      assert.deepEqual([entry.number, entry.previous], [index + 1, previous]);
      previous = hashOfLine(line);
      return entry;
    });
  }
}

test("what was sealed comes into the place of the recording, and the ledger vouches for both", async (t) => {
  const bench = new Bench(t);
  const plain = await bench.recorded();
  {
    await using seals = await bench.open();
    await seals.take(SESSION, FOLDER);
  }
  const { seal, complete, firstBad } = await verify(bench.recording);
  assert.deepEqual([complete, firstBad], [true, undefined]);
  const [entry, ...more] = bench.entries();
  assert.ok(entry !== undefined && isSealedEntry(entry));
  assert.deepEqual(more, []);
  const sha256 = createHash("sha256").update(plain).digest("hex");
  assert.deepEqual(
    [entry.session, entry.seal, entry.plain],
    [SESSION, seal, { bytes: plain.length, sha256 }],
  );
  const { uid, gid, mode } = statSync(bench.recording);
  assert.deepEqual([uid, gid, mode & 0o777], [0, READERS, 0o640]);
  assert.equal(statSync(bench.path("keys/ledger.key")).mode & 0o777, 0o600);
  assert.deepEqual([...readdirSync(bench.path("sealing")), ...readdirSync(bench.path("live/taken"))], []);
  assert.deepEqual(bench.logged, []);
});

test("the ledger goes on over starts, and a line that was not finished goes", async (t) => {
  const bench = new Bench(t);
  await bench.recorded();
  await bench.recorded(OTHER);
  await using first = await bench.open();
  await first.take(SESSION, FOLDER);
  appendFileSync(bench.path("ledger.jsonl"), '{"number":2,"at":"2026');
  await using second = await bench.open();
  await second.take(OTHER, `recordings/2026-11-23/${OTHER}`);
  assert.deepEqual(bench.entries().map(({ session }) => session), [SESSION, OTHER]); // prettier-ignore
});

test("a ledger that ends in something else is not gone on with", async (t) => {
  const bench = new Bench(t);
  writeFileSync(bench.path("ledger.jsonl"), "no ledger\n");
  await assert.rejects(bench.open(), { code: "data-unusable" });
});

test("a changed line is found by its signature, a missing one by the next", async (t) => {
  const bench = new Bench(t);
  await bench.recorded();
  await using seals = await bench.open();
  await seals.take(SESSION, FOLDER);
  const [line = ""] = bench.lines();
  const key = createPublicKey(readFileSync(bench.path("ledger.pub")));
  assert.ok(readLedgerLine(line, key));
  for (let at = 0; at < line.length; at++) {
    const changed = `${line.slice(0, at)}${line[at] === "1" ? "2" : "1"}${line.slice(at + 1)}`;
    assert.equal(readLedgerLine(changed, key), undefined, changed);
  }
});

test("killed after the ledger's line, it is put in its place by the next start; before, it is sealed anew", async (t) => {
  const bench = new Bench(t);
  const plain = await bench.recorded();
  const sealed = readFileSync(bench.path(`sealing/${SESSION}.mbr`));
  const left = bench.path(`live/taken/2026-11-23.${SESSION}.sealed`);
  // Before.
  writeFileSync(left, sealed);
  await using first = await bench.open();
  assert.equal(existsSync(left), false);
  assert.ok(readFileSync(bench.recording).equals(plain));
  // After.
  await first.take(SESSION, FOLDER);
  writeFileSync(bench.recording, plain);
  writeFileSync(left, sealed);
  await using second = await bench.open();
  assert.equal(existsSync(left), false);
  assert.ok(readFileSync(bench.recording).equals(sealed));
  assert.deepEqual([bench.logged, second.constructor], [[], Seals]);
});

const REFUSED: readonly (readonly [what: string, change: (bench: Bench) => void, path?: string])[] = [
  ["a folder that is no recording's", () => undefined, "recordings/2026-11-23/../../keys"],
  [
    "a link",
    (bench) => {
      replaced(bench, (path) => {
        symlinkSync("/etc/shadow", path);
      });
    },
  ],
  [
    "a second name of another file",
    (bench) => {
      replaced(bench, (path) => {
        linkSync(bench.recording, path);
      });
    },
  ],
  [
    "what is not sealed",
    (bench) => {
      replaced(bench, (path) => {
        writeFileSync(path, "noise".repeat(50));
      });
    },
  ],
  [
    "a seal of something else",
    (bench) => {
      replaced(bench, (path, bytes) => {
        bytes[bytes.length - 70] = (bytes[bytes.length - 70] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      });
    },
  ],
];
for (const [what, change, path] of REFUSED)
  test(`${what} from the archivist is not taken, and the recording stays`, async (t) => {
    const bench = new Bench(t);
    const plain = await bench.recorded();
    change(bench);
    await using seals = await bench.open();
    await seals.take(SESSION, path ?? FOLDER);
    assert.ok(readFileSync(bench.recording).equals(plain));
    assert.match(bench.logged.join(), /stays unsealed/);
    assert.deepEqual([bench.lines(), readdirSync(bench.path("live/taken"))], [[], []]);
    await seals.take({ toString: () => SESSION }, FOLDER);
    assert.equal(bench.logged.length, 2);
  });

function replaced(bench: Bench, put: (path: string, bytes: Buffer) => void): void {
  const path = bench.path(`sealing/${SESSION}.mbr`);
  const bytes = readFileSync(path);
  renameSync(path, `${path}.away`);
  put(path, bytes);
}

test("what is sealed already is never replaced", async (t) => {
  const bench = new Bench(t);
  await bench.recorded();
  await using seals = await bench.open();
  await seals.take(SESSION, FOLDER);
  const before = readFileSync(bench.recording);
  writeFileSync(bench.path(`sealing/${SESSION}.mbr`), before);
  await seals.take(SESSION, FOLDER);
  assert.ok(readFileSync(bench.recording).equals(before));
  assert.match(bench.logged.join(), /sealed already/);
  assert.equal(bench.entries().length, 1);
  await using source = await openSource(bench.recording);
  assert.ok(source.sealed);
});

import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import type { SessionId } from "../../gateway/model/ids.ts";
import {
  hashOfLine,
  isRedactedEntry,
  NO_PREVIOUS,
  readLedgerLine,
  type LedgerEntry,
} from "../../gateway/model/ledger.ts";
import { CredentialDropper } from "../../gateway/recording/redact.ts";
import { sealChanged, sealRecording } from "../../gateway/recording/seal.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { Seals, type Redaction } from "../../gateway/warden/seals.ts";
import { ownFolder, SESSION, smallRecording } from "../recording/sample.ts";

const READERS = 1_900_000_063;
const FOLDER = `recordings/2026-11-23/${SESSION}`;
const OTHER = "bbbbbbbbbbbb" as SessionId;
const REDACTION = { session: SESSION, path: FOLDER, line: 0, unchanged: false } as const satisfies Redaction;

/** A data folder with one sealed recording, by the ledger's first line, and what the archivist made of it without its passwords. */
class Bench {
  readonly data: string;
  readonly logged: string[] = [];
  wanted = true;

  private constructor(data: string) {
    this.data = data;
  }

  static async of(t: TestContext): Promise<Bench> {
    assert.equal(process.getuid?.(), 0, "this test gives files to another group, which needs root");
    const bench = new Bench(ownFolder(t));
    for (const folder of ["keys", "live/taken", "sealing", FOLDER, `recordings/2026-11-23/${OTHER}`])
      mkdirSync(join(bench.data, folder), { recursive: true });
    await using seals = await bench.open();
    for (const session of [SESSION, OTHER]) await bench.seal(seals, session);
    await bench.drop();
    return bench;
  }

  open(): Promise<Seals> {
    return Seals.open({
      data: this.data,
      readers: READERS,
      dropsCredentials: (session, day) => this.wanted && session === SESSION && day === "2026-11-23",
      log: pino({ level: "warn" }, { write: (line) => this.logged.push(line) }),
    });
  }

  async seal(seals: Seals, session: SessionId): Promise<void> {
    const folder = `recordings/2026-11-23/${session}`;
    renameSync(await smallRecording(this.path(folder)), this.path(`${folder}/session.mbr`));
    await sealRecording(this.path(`${folder}/session.mbr`), this.path(`sealing/${session}.mbr`), session, []);
    await seals.take(session, folder);
  }

  /** As the archivist does it. */
  async drop(): Promise<void> {
    await sealChanged(this.recording, this.given, new CredentialDropper());
  }

  /** Takes what the archivist says. */
  async redact(redaction: Redaction = REDACTION): Promise<void> {
    await using seals = await this.open();
    await seals.redact(redaction);
  }

  path(of: string): string {
    return join(this.data, of);
  }

  get recording(): string {
    return this.path(`${FOLDER}/session.mbr`);
  }

  get given(): string {
    return this.path(`sealing/${SESSION}.mbr`);
  }

  get left(): string {
    return this.path(`live/taken/2026-11-23.${SESSION}.sealed`);
  }

  /** The ledger, each line signed and following the one before. */
  entries(): LedgerEntry[] {
    const key = createPublicKey(readFileSync(this.path("ledger.pub")));
    let previous = NO_PREVIOUS;
    const lines = readFileSync(this.path("ledger.jsonl"), "utf8").split("\n").slice(0, -1);
    return lines.map((line, index) => {
      const entry = readLedgerLine(line, key);
      assert.ok(entry, line);
      assert.deepEqual([entry.number, entry.previous], [index + 1, previous]);
      previous = hashOfLine(line);
      return entry;
    });
  }
}

test("a recording without its passwords takes the place of the one with them, by a line that has both seals", async (t) => {
  const bench = await Bench.of(t);
  const before = await verify(bench.recording);
  await bench.redact();
  const after = await verify(bench.recording);
  assert.deepEqual([after.complete, after.dropped, before.dropped], [true, 1, undefined]);
  const last = bench.entries().at(-1);
  assert.ok(last !== undefined && isRedactedEntry(last));
  assert.deepEqual(
    [last.number, last.session, last.redacted, last.was, last.seal],
    [3, SESSION, "credentials", before.seal, after.seal],
  );
  const { uid, gid, mode } = statSync(bench.recording);
  assert.deepEqual([uid, gid, mode & 0o777], [0, READERS, 0o640]);
  assert.deepEqual([...readdirSync(bench.path("sealing")), ...readdirSync(bench.path("live/taken"))], []);
  assert.deepEqual(bench.logged, []);
});

test("that there was nothing to drop is written down, and nothing is moved", async (t) => {
  const bench = await Bench.of(t);
  const before = readFileSync(bench.recording);
  await bench.redact({ ...REDACTION, unchanged: true });
  const last = bench.entries().at(-1);
  assert.ok(last !== undefined && isRedactedEntry(last));
  assert.deepEqual([last.was, readFileSync(bench.recording)], [last.seal, before]);
});

test("killed before the line the recording stays as it was; killed after it, the next start ends the move", async (t) => {
  const bench = await Bench.of(t);
  const [before, after] = [readFileSync(bench.recording), readFileSync(bench.given)];
  // Moved away from the archivist, and no more.
  renameSync(bench.given, bench.left);
  await using first = await bench.open();
  assert.deepEqual([existsSync(bench.left), readFileSync(bench.recording)], [false, before]);
  // The line is written, the move is not done.
  writeFileSync(bench.given, after);
  await first.redact(REDACTION);
  writeFileSync(bench.recording, before);
  writeFileSync(bench.left, after);
  await using second = await bench.open();
  assert.deepEqual([existsSync(bench.left), readFileSync(bench.recording)], [false, after]);
  assert.deepEqual([bench.logged, bench.entries().length, second.constructor], [[], 3, Seals]);
});

const REFUSED: readonly (readonly [what: string, change: (bench: Bench) => unknown, said: Redaction])[] = [
  ["what the policy does not want", (bench) => (bench.wanted = false), REDACTION],
  ["a folder that is no recording's", () => undefined, { ...REDACTION, path: "recordings/2026-11-23/../x" }],
  ["a line of another session", (bench) => secondLine(bench), REDACTION],
  ["what is no line", () => undefined, { ...REDACTION, line: 7 }],
  ["what is no place", () => undefined, { ...REDACTION, line: "0" }],
  ["a place behind the end", () => undefined, { ...REDACTION, line: 1e9 }],
  ["a recording of another session", (bench) => { renameSync(bench.path(`recordings/2026-11-23/${OTHER}/session.mbr`), bench.given); }, REDACTION], // prettier-ignore
  ["what is no recording", (bench) => { writeFileSync(bench.given, "noise".repeat(50)); }, REDACTION], // prettier-ignore
];
for (const [what, change, said] of REFUSED)
  test(`${what} changes nothing`, async (t) => {
    const bench = await Bench.of(t);
    const before = readFileSync(bench.recording);
    const result = change(bench);
    await bench.redact(typeof result === "number" ? { ...said, line: result } : said);
    assert.deepEqual(readFileSync(bench.recording), before);
    assert.deepEqual([bench.entries().length, readdirSync(bench.path("live/taken"))], [2, []]);
    assert.match(bench.logged.join(), /without its passwords was not taken/);
  });

function secondLine(bench: Bench): number {
  return readFileSync(bench.path("ledger.jsonl")).indexOf("\n") + 1;
}

test("a recording that is not the one that was sealed, or that lost its passwords already, stays as it is", async (t) => {
  const bench = await Bench.of(t);
  const given = readFileSync(bench.given);
  await bench.redact();
  // Once is all.
  const once = readFileSync(bench.recording);
  writeFileSync(bench.given, given);
  await bench.redact();
  await bench.redact({ ...REDACTION, line: secondLine(bench) });
  assert.deepEqual([readFileSync(bench.recording), bench.entries().length], [once, 3]);
  assert.match(bench.logged.join(), /the ledger does not vouch for what is there/);
  // Another sealed one, which no line is for.
  renameSync(bench.path(`recordings/2026-11-23/${OTHER}/session.mbr`), bench.recording);
  await bench.redact();
  assert.deepEqual([bench.entries().length, bench.logged.length], [3, 3]);
});

import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  linkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino, type Logger } from "pino";
import { readLateFacts } from "../../gateway/evidence/late-facts.ts";
import type { ToArchivist } from "../../gateway/model/archivist-messages.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { WardenNotice } from "../../gateway/model/front-messages.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { MOST_LATE_BYTES, MOST_LATE_FACTS } from "../../gateway/model/late-files.ts";
import type { ShownMachine } from "../../gateway/model/persona.ts";
import { Place } from "../../gateway/warden/gate.ts";
import { livePath, recordingFolder } from "../../gateway/warden/hand-over.ts";
import { MOST_TOLD, SandboxFacts } from "../../gateway/warden/sandbox-facts.ts";
import { Recordings } from "../../gateway/warden/recordings.ts";
import { LiveSession, LiveSessions } from "../../gateway/warden/sessions.ts";
import { BOT, SUNK } from "../evidence/network-facts.ts";

const SANDBOX = "5a5a5a5a5a5a" as SandboxId;
const [A, B, C] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as [SessionId, SessionId, SessionId];
/** Any group but root's: that of the archivist. */
const READERS = 1_900_000_063;

/** The warden's parts, on a data folder of their own, with a sandbox in which sessions can be said to be. */
const LISTENER = { address: "192.0.2.1", port: 22 };

class Bench {
  readonly data: string;
  readonly told: [front: number, WardenNotice][] = [];
  readonly toArchivist: ToArchivist[] = [];
  readonly logged: string[] = [];
  readonly log: Logger;
  readonly sessions = new LiveSessions();
  readonly startedAt = new Map<SessionId, Date>();
  inSandbox: SessionId[] = [];
  recordings: Recordings;
  facts: SandboxFacts;

  constructor(t: TestContext) {
    assert.equal(process.getuid?.(), 0, "this test gives files to another group, which needs root");
    this.data = mkdtempSync(join(tmpdir(), "mitsubako-test-network-facts-"));
    t.after(() => {
      rmSync(this.data, { recursive: true, force: true });
    });
    for (const folder of ["live/0", "recordings"]) mkdirSync(join(this.data, folder), { recursive: true });
    this.log = pino({ level: "warn" }, { write: (line) => this.logged.push(line) });
    this.recordings = this.newRecordings();
    this.facts = new SandboxFacts({
      pool: {
        occupants: (address) =>
          address === "10.0.0.2" ? { sandbox: SANDBOX, sessions: this.inSandbox } : undefined,
      },
      sessions: this.sessions,
      tell: (front, notice) => this.told.push([front, notice]),
      keep: (session, late) => this.recordings.unattended(session, late),
      log: this.log,
    });
  }

  /** As after the warden's death. */
  newRecordings(): Recordings {
    const archivist = { tell: (message: ToArchivist) => void this.toArchivist.push(message) };
    return (this.recordings = new Recordings(this.data, READERS, archivist, this.log));
  }

  open(id: SessionId, front = 0): LiveSession {
    const place = new Place(
      () => undefined,
      () => undefined,
    );
    const session = new LiveSession({
      ...{ id, front, source: { address: "192.0.2.7", port: 1 }, listener: LISTENER, place },
      shown: {} as ShownMachine,
    });
    this.sessions.add(session);
    this.startedAt.set(id, session.startedAt);
    writeFileSync(join(this.data, livePath(0, id)), "a recording");
    this.recordings.opened(0, id, session.startedAt);
    this.inSandbox.push(id);
    return session;
  }

  async end(id: SessionId): Promise<void> {
    this.sessions.remove(id);
    await this.recordings.finished(0, id, this.startedAt.get(id) ?? new Date());
    this.inSandbox = [...this.inSandbox.filter((one) => one !== id), id];
  }

  try(fact = BOT, sandbox = "10.0.0.2"): void {
    this.facts.take({ sandbox, mac: undefined, fact });
  }

  folder(id: SessionId): string {
    return join(this.data, recordingFolder(id, this.startedAt.get(id) ?? new Date()));
  }
}

test("what is tried goes to the latest session that is logged in there, else to who left last", async (t) => {
  const bench = new Bench(t);
  const first = bench.open(A, 1);
  bench.try();
  assert.deepEqual(bench.told, [], "who only knocks has done nothing");
  first.loggedIn();
  bench.try();
  bench.open(B, 2).loggedIn();
  bench.open(C, 3);
  bench.try(SUNK);
  bench.try(BOT, "10.0.0.3");
  bench.facts.take({ sandbox: undefined, mac: undefined, fact: BOT });
  assert.deepEqual(bench.told, [
    [1, { kind: "sandbox-facts", session: A, facts: [BOT] }],
    [2, { kind: "sandbox-facts", session: B, facts: [SUNK] }],
  ]);
  for (const id of [B, C, A]) await bench.end(id);
  bench.try(SUNK);
  assert.equal(bench.told.length, 2);
  await bench.recordings.closed(A);
  const late = await readLateFacts(join(bench.folder(A), "network.jsonl"));
  assert.deepEqual(
    late?.facts.map(({ sandbox, fact }) => [sandbox, fact]),
    [[SANDBOX, SUNK]],
  );
  assert.ok(Math.abs((late.facts[0]?.at ?? 0) / 1000 - Date.now()) < 60_000);
});

test("a front is told a bounded number of one session, and the log says that there was more", (t) => {
  const bench = new Bench(t);
  bench.open(A).loggedIn();
  for (let tries = 0; tries < MOST_TOLD.network + 5; tries++) bench.try();
  assert.equal(bench.told.length, MOST_TOLD.network);
  assert.equal(bench.logged.length, 1);
  bench.open(B).loggedIn();
  bench.try();
  assert.equal(bench.told.length, MOST_TOLD.network + 1, "another session has its own");
  bench.facts.forget(A);
  assert.match(bench.logged[1] ?? "", /"dropped":5/);
});

test("what is kept of a session that is over is bounded in lines and in bytes", async (t) => {
  const bench = new Bench(t);
  bench.open(A).loggedIn();
  await bench.end(A);
  for (let tries = 0; tries < MOST_LATE_FACTS + 5; tries++) bench.try();
  bench.inSandbox = [];
  bench.open(B).loggedIn();
  await bench.end(B);
  const large = { ...SUNK, data: "\0".repeat(1024) as NonNullable<typeof SUNK.data> };
  for (let tries = 0; tries < MOST_LATE_FACTS; tries++) bench.try(large);
  for (const id of [A, B]) await bench.recordings.closed(id);
  const sizes = [A, B].map((id) => statSync(join(bench.folder(id), "network.jsonl")).size);
  const lines = (id: SessionId) =>
    readFileSync(join(bench.folder(id), "network.jsonl"), "utf8").split("\n").length - 1;
  assert.equal(lines(A), MOST_LATE_FACTS);
  assert.ok((sizes[1] ?? 0) <= MOST_LATE_BYTES && (sizes[1] ?? 0) > MOST_LATE_BYTES - 10_000);
  assert.equal((await readLateFacts(join(bench.folder(B), "network.jsonl")))?.unreadable, 0);
});

test("the archivist hears of it, and may read it, only when no sandbox of the session is left", async (t) => {
  const bench = new Bench(t);
  bench.open(A).loggedIn();
  await bench.recordings.closed(A);
  await bench.end(A);
  bench.try();
  const about = () => bench.toArchivist.filter(({ kind }) => kind === "network");
  assert.deepEqual(readdirSync(bench.folder(A)), ["session.mbr"]);
  await bench.recordings.closed(A);
  await bench.recordings.closed(A);
  const path = recordingFolder(A, bench.startedAt.get(A) ?? new Date());
  assert.deepEqual(about(), [{ kind: "network", session: A, path }]);
  const { uid, gid, mode } = statSync(join(bench.folder(A), "network.jsonl"));
  assert.deepEqual([uid, gid, mode & 0o777], [0, READERS, 0o640]);
  assert.deepEqual(readdirSync(join(bench.data, "live/network")), []);
  bench.try();
  assert.deepEqual(readdirSync(join(bench.data, "live/network")), [], "and nothing is begun anew for it");
});

test("what a killed warden left is put in its place by the next, also when it died half way", async (t) => {
  const bench = new Bench(t);
  for (const id of [A, B]) {
    bench.open(id).loggedIn();
    await bench.end(id);
    bench.try();
  }
  const [open = ""] = readdirSync(join(bench.data, "live/network"));
  linkSync(join(bench.data, "live/network", open), join(bench.folder(A), "network.jsonl"));
  writeFileSync(join(bench.data, "live/network/no-such-name"), "");
  await bench.newRecordings().recover();
  for (const id of [A, B])
    assert.equal((await readLateFacts(join(bench.folder(id), "network.jsonl")))?.facts.length, 1);
  assert.deepEqual(readdirSync(join(bench.data, "live/network")), ["no-such-name"]);
  assert.deepEqual(bench.logged, []);
});

test("each capture that a session caused has a file of its own, also one that came while it lived", async (t) => {
  const bench = new Bench(t);
  bench.open(A).loggedIn();
  const capture = (sandbox: string): Capture => ({
    sandbox: sandbox as SandboxId,
    sessions: [A],
    source: "192.0.2.7",
    takenAt: "2026-11-23T08:15:37.500Z",
    cut: false,
    changes: [],
  });
  await bench.recordings.captured(capture("111111111111"));
  await bench.end(A);
  await bench.recordings.captured(capture("222222222222"));
  await bench.recordings.captured(capture("111111111111"));
  const sandboxes = ["capture.json", "capture-2.json", "capture-3.json"].map(
    (name) => (JSON.parse(readFileSync(join(bench.folder(A), name), "utf8")) as Capture).sandbox,
  );
  assert.deepEqual(sandboxes, ["111111111111", "222222222222", "111111111111"]);
  assert.deepEqual(
    bench.toArchivist.map(({ kind }) => kind),
    ["session-opened", "session-finished", "capture", "capture", "capture"],
  );
  assert.deepEqual(bench.logged, []);
});

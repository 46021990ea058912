import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { readCapture } from "../../gateway/index/captures.ts";
import { findRecording, findRecordings, recordings } from "../../gateway/index/find-recording.ts";
import type { TextCondition } from "../../gateway/index/filter.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { newArtifactsIn } from "../../gateway/index/report-artifacts.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { stored } from "../../gateway/index/texts.ts";
import { triedSessions } from "../../gateway/index/tried.ts";
import type { Traffic } from "../../gateway/model/capture.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { Conversation } from "../evidence/conversation.ts";
import { dataFolder } from "../archivist/folder.ts";
import { file, Told } from "./told.ts";

const HOSTILE = [
  "'; DROP TABLE sessions; --",
  "\0middle\0",
  "\xff\xfe\x80",
  "%_[a]*?",
  "x".repeat(30_000),
  "\ud83d\ude00",
];

test("strangers' strings come back as they went in, and are found by what they hold", async (t) => {
  const data = dataFolder(t);
  using index = IndexStore.open(data);
  for (const [number, text] of HOSTILE.entries()) {
    const talk = new Conversation(`00000000000${number}`).login(text, text);
    talk.exec(talk.open(), `echo ${text}`);
    index.putFinished(`recordings/x/${number}`, "ended", await extractEvidence(talk.whole()));
  }
  using reader = IndexReader.open(data);
  assert.ok(reader);
  for (const [number, text] of HOSTILE.entries()) {
    // The builder takes one byte for each character.
    const row = reader.session(`00000000000${number}`);
    const bytes = Buffer.from(text, "latin1").toString("latin1");
    assert.equal(row?.user, bytes);
    assert.equal(row.password, bytes);
  }
  const by = (...texts: TextCondition[]) => reader.sessions({ texts }).map(({ id }) => id.at(-1));
  const command = (value: string): TextCondition => ({
    kinds: ["command"],
    how: "part",
    value: stored(value),
  });
  const user = (value: string, how: "is" | "glob"): TextCondition => ({ kinds: ["user"], how, value });
  assert.deepEqual(by(command("drop TABLE")), ["0"]);
  assert.deepEqual(by(command("middle\0")), ["1"]);
  assert.deepEqual(by(command("\0middle")), ["1"]);
  assert.deepEqual(by(command("\xff\xfe\x80")), ["2"]);
  assert.deepEqual(by(command("%_[a]*?")), ["3"]);
  assert.deepEqual(by(user("%_[[]a]*", "glob")), ["3"]);
  assert.deepEqual(by(user("' OR 1=1", "is")), []);
  assert.equal(by().length, HOSTILE.length);
});

test("a reader sees what is committed while the writer goes on", async (t) => {
  const data = dataFolder(t);
  assert.equal(IndexReader.open(data), undefined);
  using index = IndexStore.open(data);
  using reader = IndexReader.open(data);
  const talk = new Conversation().login();
  const { summary } = await extractEvidence(talk.entries);
  index.putLive("live/0/0a1b2c3d4e5f.mbr", summary);
  assert.equal(reader?.session("0a1b2c3d4e5f")?.state, "live");
  assert.deepEqual(index.archived().sessions.size, 0);
  index.putFinished("recordings/x", "ended", await extractEvidence(talk.whole()));
  assert.equal(reader.session("0a1b2c3d4e5f")?.state, "ended");
  assert.equal(index.has("session", "0a1b2c3d4e5f"), true);
  index.dropLive();
  assert.equal(reader.sessions().length, 1);
});

test("recordings are found by id and by its beginning, and nothing else is taken for one", (t) => {
  const data = dataFolder(t);
  for (const path of [
    "recordings/2026-11-23/aaaaaaaaaaaa/session.mbr",
    "recordings/2026-11-24/aaaabbbbbbbb/session.mbr",
    "recordings/not-a-day/cccccccccccc/session.mbr",
    "recordings/2026-11-24/NOTANID/session.mbr",
    "live/0/dddddddddddd.mbr",
    "live/0/eeeeeeeeeeee.mbr.tmp",
    "live/network/ffffffffffff.mbr",
  ]) {
    mkdirSync(join(data, path, ".."), { recursive: true });
    writeFileSync(join(data, path), "");
  }
  assert.deepEqual(
    [...recordings(data)].map(({ session }) => session),
    ["aaaaaaaaaaaa", "aaaabbbbbbbb", "dddddddddddd"],
  );
  assert.equal(findRecording(data, "aaaaaaaaaaaa")?.path, "recordings/2026-11-23/aaaaaaaaaaaa/session.mbr");
  assert.equal(findRecording(data, "aaaa"), undefined);
  assert.equal(findRecordings(data, "aaaa").length, 2);
  assert.equal(findRecording(data, "d")?.live, true);
  for (const nothing of ["", "..", "*", "AAAA", "aaaaaaaaaaaa0"])
    assert.deepEqual(findRecordings(data, nothing), []);
  assert.deepEqual(findRecordings(join(data, "nowhere"), "a"), []);
});

test("what a sandbox sent and received is told of the sessions at whose ends it was counted, each its share", async () => {
  const told = new Told();
  const sessions: SessionId[] = [];
  for (let number = 0; number < 5; number++)
    sessions.push(await told.session("203.0.113.7", (talk) => void talk.login()));
  const [first, second, third, fourth, fifth] = sessions as [
    ...[SessionId, SessionId, SessionId, SessionId, SessionId],
  ];
  const counts: readonly (readonly [SessionId, number, string, Traffic | undefined])[] = [
    [first, 1, "aaaaaaaaaaaa", { up: 100, down: 1000 }],
    [second, 1, "aaaaaaaaaaaa", undefined],
    [second, 2, "aaaaaaaaaaaa", { up: 150, down: 4000 }],
    // When all had left: its last session's, too.
    [second, 3, "aaaaaaaaaaaa", { up: 155, down: 4100, spent: true }],
    [third, 1, "bbbbbbbbbbbb", { up: 7, down: 8, hourly: true }],
    // The next hour began; then a new policy cut the count to its cap.
    [fourth, 1, "bbbbbbbbbbbb", { up: 3, down: 9, hourly: true }],
    [fifth, 1, "bbbbbbbbbbbb", { up: 2, down: 10 }],
  ];
  for (const [place, [session, ordinal, sandbox, traffic]] of counts.entries())
    told.index.putCapture(session, ordinal, {
      ...{
        sandbox: sandbox as SandboxId,
        sessions: [session],
        source: "203.0.113.7",
        changes: [],
        cut: false,
      },
      takenAt: `2026-11-23T20:00:0${place}.000000Z`,
      ...(traffic === undefined ? {} : { traffic }),
    });
  const found = triedSessions(told.reader.askEach, 0).map(({ id, traffic }) => [id, traffic]);
  assert.deepEqual(found, [
    [first, { up: 100, down: 1000, isAtLeast: false }],
    [second, { up: 55, down: 3100, isAtLeast: true }],
    [third, { up: 7, down: 8, isAtLeast: true }],
    [fourth, { up: 3, down: 1, isAtLeast: true }],
    [fifth, { up: 0, down: 1, isAtLeast: false }],
  ]);
});

test("what is no capture is not taken for one", async (t) => {
  const data = dataFolder(t);
  const folder = "recordings/2026-11-23/aaaaaaaaaaaa";
  mkdirSync(join(data, folder), { recursive: true });
  assert.equal(await readCapture(data, folder), undefined);
  const change = { kind: "A", path: "/x", type: "file", sha256: "../../keys" };
  const capture = {
    sandbox: "5a5a5a5a5a5a",
    sessions: [],
    source: "x",
    takenAt: "x",
    cut: false,
    changes: [change],
  };
  const traffic = [
    null,
    {},
    { up: 1 },
    { up: -1, down: 0 },
    { up: 0.5, down: 0 },
    { up: 1, down: 1, spent: 1 },
  ];
  const wrong = traffic.map((one) => JSON.stringify({ ...capture, changes: [], traffic: one }));
  for (const text of ["", "null", "[]", "{", JSON.stringify(capture), ...wrong]) {
    writeFileSync(join(data, folder, "capture.json"), text);
    await assert.rejects(readCapture(data, folder), SyntaxError);
  }
});

test("what services went on writing is told to who asks for it", async () => {
  const told = new Told();
  const session = await told.session("192.0.2.1", (talk) => talk.login());
  const log = file("/var/log/auth.log", "lines");
  const note = file("/root/note", "text");
  told.capture(session, "abcdefabcdef", "192.0.2.1", [note, { ...log, grown: true }]);
  const paths = (grown?: boolean) => told.reader.files({ grown }).map((row) => [row.path, row.grown]);
  assert.deepEqual(paths(), [["/root/note", undefined]]);
  assert.deepEqual(paths(true), [
    ["/root/note", undefined],
    ["/var/log/auth.log", true],
  ]);
  assert.equal(told.reader.session(session)?.files, 1);
  const found = (value: string) =>
    told.reader.sessions({ texts: [{ kinds: ["file"], how: "is", value: stored(value) }] }).length;
  assert.deepEqual([found(note.path), found(log.path)], [1, 0]);
  const anew = newArtifactsIn(told.reader.ask, { since: 0, until: Number.MAX_SAFE_INTEGER }, 9);
  assert.deepEqual(
    anew.map(({ path }) => path),
    [note.path],
  );
  // Somebody put the very content in its place: the same hash, and no service's doing.
  const later = await told.session("192.0.2.1", (talk) => talk.login());
  told.capture(later, "abcdefabcdef", "192.0.2.1", [note, log]);
  assert.deepEqual(paths(), [
    ["/root/note", undefined],
    ["/var/log/auth.log", undefined],
  ]);
});

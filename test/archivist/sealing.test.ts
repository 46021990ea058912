import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generateKeyPairSync } from "node:crypto";
import type { SessionId } from "../../gateway/model/ids.ts";
import { LEDGER_FILE, ledgerLine, NO_PREVIOUS } from "../../gateway/model/ledger.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { Conversation } from "../evidence/conversation.ts";
import { ArchivistChild } from "./child.ts";
import { dataFolder, Live } from "./folder.ts";

/** Ends a session with a command in it. Gives its folder. */
async function ended(data: string, id: string): Promise<{ session: SessionId; path: string }> {
  const talk = new Conversation(id).login();
  const channel = talk.after(500).open();
  talk.exec(channel, "uname -a").gets(channel, "Linux\n").exits(channel, 0);
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  return { session: talk.session, path: await live.finish(talk.end()) };
}

function sealedBy(archivist: ArchivistChild): string[] {
  return archivist.said.flatMap((message) => (message.kind === "sealed" ? [message.session] : []));
}

async function hearsSealed(archivist: ArchivistChild, session: SessionId): Promise<void> {
  await archivist.hears((message) => message.kind === "sealed" && message.session === session);
}

/** As the warden does it, without its care. */
function take(data: string, archivist: ArchivistChild, session: SessionId, path: string): void {
  renameSync(join(data, "sealing", `${session}.mbr`), join(data, path, "session.mbr"));
  archivist.tell({ kind: "seal-taken", session });
}

async function start(t: TestContext): Promise<{ data: string; archivist: ArchivistChild }> {
  const data = dataFolder(t);
  return { data, archivist: await ArchivistChild.start(t, data) };
}

test("a finished recording is sealed with its markers, byte for byte, and what comes late still finds it", async (t) => {
  const { data, archivist } = await start(t);
  const { session, path } = await ended(data, "aaaaaaaaaaaa");
  const plain = readFileSync(join(data, path, "session.mbr"));
  archivist.tell({ kind: "session-finished", session, path });
  await hearsSealed(archivist, session);
  assert.ok(
    readFileSync(join(data, path, "session.mbr")).equals(plain),
    "it stands until the warden puts the other there",
  );
  take(data, archivist, session, path);
  await using source = await openSource(join(data, path, "session.mbr"));
  const bytes = Buffer.alloc(plain.length + 1);
  assert.equal(await source.read(bytes, 0), plain.length);
  assert.ok(bytes.subarray(0, -1).equals(plain));
  const { markers = [] } = source.sealed?.index ?? {};
  assert.deepEqual(
    markers.map(({ kind, text }) => [kind, text]),
    [["login", "root"], ["channel", "session"], ["command", "uname -a"]], // prettier-ignore
  );
  assert.ok(markers.every(({ offset, at }) => offset > 32 && offset < plain.length && at > 0n));
  await archivist.drain();
  assert.deepEqual(archivist.problems, []);
});

test("one recording is sealed at a time, and the next when the warden has taken it", async (t) => {
  const { data, archivist } = await start(t);
  const all = [];
  for (const id of ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]) all.push(await ended(data, id));
  for (const { session, path } of all) archivist.tell({ kind: "session-finished", session, path });
  for (const [index, { session, path }] of all.entries()) {
    await hearsSealed(archivist, session);
    await sleep(300);
    assert.equal(sealedBy(archivist).length, index + 1);
    assert.deepEqual(readdirSync(join(data, "sealing")), [`${session}.mbr`]);
    take(data, archivist, session, path);
  }
});

test("what the ledger does not know is sealed after the next start, also over what a killed archivist left", async (t) => {
  const { data, archivist } = await start(t);
  const known = await ended(data, "aaaaaaaaaaaa");
  archivist.tell({ kind: "session-finished", ...known });
  await hearsSealed(archivist, known.session);
  const crashed = await ended(data, "bbbbbbbbbbbb");
  await archivist.kill();
  const { privateKey } = generateKeyPairSync("ed25519");
  const what = { plain: { bytes: 1, sha256: "00" }, seal: "00", previous: NO_PREVIOUS };
  const line = ledgerLine(
    { number: 1, at: "2026-11-23T00:00:00.000Z", session: known.session, ...what },
    privateKey,
  );
  writeFileSync(join(data, LEDGER_FILE), `${line}\n`);
  const half = join(data, "sealing", `${crashed.session}.mbr`);
  writeFileSync(half, "half of it");
  const next = await ArchivistChild.start(t, data);
  await hearsSealed(next, crashed.session);
  assert.ok(statSync(half).size > 100);
  take(data, next, crashed.session, crashed.path);
  await sleep(300);
  assert.deepEqual(sealedBy(next), [crashed.session]);
  await next.drain();
});

test("a recording that cannot be sealed is told, and the next is; one that is sealed is left as it is", async (t) => {
  const { data, archivist } = await start(t);
  const [bad, whole] = [await ended(data, "aaaaaaaaaaaa"), await ended(data, "bbbbbbbbbbbb")];
  mkdirSync(join(data, "sealing", `${bad.session}.mbr`));
  for (const each of [bad, whole]) archivist.tell({ kind: "session-finished", ...each });
  await hearsSealed(archivist, whole.session);
  assert.match(archivist.problems.join(), /aaaaaaaaaaaa could not be sealed, and stays as it is/);
  take(data, archivist, whole.session, whole.path);
  const last = await ended(data, "cccccccccccc");
  for (const each of [whole, last]) archivist.tell({ kind: "session-finished", ...each });
  await hearsSealed(archivist, last.session);
  assert.deepEqual(sealedBy(archivist), [whole.session, last.session]);
  assert.equal(archivist.problems.length, 1);
});

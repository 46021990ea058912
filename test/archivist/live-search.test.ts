import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TextCondition } from "../../gateway/index/filter.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { Conversation } from "../evidence/conversation.ts";
import { ArchivistChild } from "./child.ts";
import { dataFolder, Live } from "./folder.ts";

test("a session is found by what it does while it lives, after a restart, and once when it is over", async (t) => {
  const data = dataFolder(t);
  const first = await ArchivistChild.start(t, data);
  const talk = new Conversation().login("root", "livepass");
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  first.tell({ kind: "session-opened", session: talk.session, path: live.path });
  await until(() => found(data, "livepass")[0] === "live");
  const before = talk.entries.length;
  talk.exec(talk.after(500).open(), "uname -a");
  live.write(talk.entries.slice(before));
  await until(() => found(data, "uname")[0] === "live");
  await first.kill();

  const second = await ArchivistChild.start(t, data);
  await until(() => found(data, "uname")[0] === "live");
  const path = await live.finish(talk.end());
  second.tell({ kind: "session-finished", session: talk.session, path });
  await second.archived(talk.session);
  await second.drain();
  assert.deepEqual(second.problems, []);
  for (const text of ["livepass", "uname"]) assert.deepEqual(found(data, text), ["ended"]);
  using database = new DatabaseSync(join(data, "index.sqlite"), { readOnly: true });
  const twice = database
    .prepare("SELECT kind, text, count(*) AS n FROM texts GROUP BY 1, 2 HAVING n > 1")
    .all();
  assert.deepEqual(twice, []);
});

test("recordings that an index lacks are counted until they are in it", async (t) => {
  const data = dataFolder(t);
  for (const id of ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]) {
    const talk = new Conversation(id).login();
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    const folder = await live.finish(talk.end());
    if (id.startsWith("b")) writeFileSync(join(data, folder, "session.mbr"), "no recording");
  }
  const archivist = await ArchivistChild.start(t, data);
  {
    using index = IndexReader.open(data);
    assert.ok((index?.waiting() ?? 0) >= 1);
  }
  await archivist.drain();
  assert.match(archivist.problems.join(), /bbbbbbbbbbbb/);
  using index = IndexReader.open(data);
  assert.equal(index?.waiting(), 1, "the one that is no recording");
  assert.deepEqual(
    index.sessions().map(({ id }) => id),
    ["aaaaaaaaaaaa"],
  );
});

/** States of the sessions in which this was said or run. */
function found(data: string, text: string): string[] {
  using index = IndexReader.open(data);
  const condition: TextCondition = { kinds: ["command", "password"], how: "part", value: text };
  return index?.sessions({ texts: [condition] }).map(({ state }) => state) ?? [];
}

async function until(yes: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!yes()) {
    if (Date.now() > end) throw new Error("it did not come in 60 s");
    await sleep(50);
  }
}

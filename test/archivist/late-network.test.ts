import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { rebuild } from "../../gateway/archivist/rebuild.ts";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { LATE_KINDS, MOST_LATE_BYTES, MOST_LATE_FACTS } from "../../gateway/model/late-files.ts";
import { faults } from "../events/field-table.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { BOT, HOSTILE_FACTS, LOOKED_UP, NETWORK_FACTS, SUNK } from "../evidence/network-facts.ts";
import { ArchivistChild, UUID } from "./child.ts";
import { dataFolder, Live, putLateFacts, putLateLines } from "./folder.ts";

const AT = "2026-11-23T10:00:00.000000Z";

async function finished(t: TestContext): Promise<{ data: string; session: SessionId; path: string }> {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  return { data, session: talk.session, path: await live.finish(talk.end()) };
}

test("what was tried after a session comes as its last events, once, each at its own time", async (t) => {
  const { data, session, path } = await finished(t);
  const archivist = await ArchivistChild.start(t, data);
  await archivist.archived(session);
  putLateFacts(data, path, NETWORK_FACTS);
  archivist.tell({ kind: "network", session, path });
  archivist.tell({ kind: "network", session, path });
  await archivist.drain();
  const again = await ArchivistChild.start(t, data);
  again.tell({ kind: "network", session, path });
  await again.drain();
  const all = events(data);
  assert.deepEqual(all.flatMap(faults), []);
  assert.deepEqual(
    all.slice(7).map((event) => [event["timestamp"], event["late"], event["mitsubako_sandbox"]]),
    NETWORK_FACTS.map((_, second) => [`2026-11-23T10:00:0${second}.000000Z`, true, SANDBOX]),
  );
  assert.deepEqual(
    all.map((event) => event.mitsubako_sequence),
    Array.from(all, (_, index) => index),
  );
  using index = IndexReader.open(data);
  assert.equal(index?.session(session)?.network, 18);
});

test("what was tried while no archivist listened is caught up with", async (t) => {
  const { data, session, path } = await finished(t);
  const first = await ArchivistChild.start(t, data);
  await first.archived(session);
  await first.drain();
  putLateFacts(data, path, [BOT]);
  const second = await ArchivistChild.start(t, data);
  await second.drain();
  assert.equal(events(data).at(-1)?.eventid, "cowrie.network.denied");
  assert.equal(events(data).length, 8);
});

test("died in the middle of late events: none is lost, none comes twice, and a rebuild tells the same", async (t) => {
  const { data, session, path } = await finished(t);
  const facts = Array.from({ length: MOST_LATE_FACTS }, (_, from) => ({ ...SUNK, from }));
  putLateFacts(data, path, facts);
  const first = await ArchivistChild.start(t, data);
  await first.archived(session);
  await first.drain();
  const file = join(data, "events/mitsubako.json");
  const whole = readFileSync(file);
  for (const part of [0.2, 0.6, 0.999, 1]) {
    // As it stands when the process dies between two writes of events, or after the last and before the index has it.
    writeFileSync(file, whole.subarray(0, Math.floor(whole.length * part)));
    {
      using database = new DatabaseSync(join(data, "index.sqlite"));
      database.exec("DELETE FROM late_network");
    }
    const next = await ArchivistChild.start(t, data);
    await next.drain();
    assert.deepEqual(readFileSync(file), whole, `at ${part}`);
  }
  assert.deepEqual(
    events(data)
      .slice(7)
      .map((event) => event["mitsubako_src_port"]),
    facts.map(({ from }) => from),
  );
  await rebuild(data, {
    context: { uuid: UUID, arch: `linux-${process.arch}-lsb` },
    eventsFolder: join(data, "rebuilt"),
    rotateAt: 1e9,
  });
  assert.deepEqual(eventsIn(join(data, "rebuilt")), events(data));
});

const line = (fact: unknown, at: unknown = AT, sandbox: unknown = SANDBOX) =>
  `${JSON.stringify({ at, sandbox, fact })}\n`;

for (const [what, text, good, bad] of [
  ["a last line that was not finished", line(BOT) + line(LOOKED_UP).slice(0, -20), 1, 1],
  ["a last line without its end", line(BOT) + line(LOOKED_UP).trimEnd(), 1, 1],
  [
    "facts that are none",
    HOSTILE_FACTS.map((fact) => line(fact)).join("") + line(BOT),
    1,
    HOSTILE_FACTS.length,
  ],
  ["lines that are no JSON", `\n{\n[]\nnull\n7\n\0\xff\n${line(BOT)}`, 1, 6],
  [
    "times and sandboxes that are none",
    line(BOT, 5) + line(BOT, "x") + line(BOT, AT, "../..") + line(BOT),
    1,
    3,
  ],
  ["deep nesting", `${"[".repeat(8000)}\n${line(BOT)}`, 1, 1],
  ["a line over the bound", `${"x".repeat(20_000)}\n${line(BOT)}`, 1, 1],
  ["one endless line", Buffer.alloc(2 * LATE_KINDS * MOST_LATE_BYTES, "x"), 0, 1],
  [
    "more lines than are kept",
    line(BOT).repeat(LATE_KINDS * MOST_LATE_FACTS + 3),
    LATE_KINDS * MOST_LATE_FACTS,
    3,
  ],
  ["nothing", "", 0, 0],
] as const)
  test(`network.jsonl with ${what}: the good lines are told, the others counted`, async (t) => {
    const { data, session, path } = await finished(t);
    putLateLines(data, path, text);
    const archivist = await ArchivistChild.start(t, data);
    await archivist.archived(session);
    await archivist.drain();
    assert.equal(events(data).filter((event) => event["late"] === true).length, good);
    const said = archivist.problems.map((problem) => /: (\d+) lines/.exec(problem)?.[1]);
    assert.deepEqual(said, bad === 0 ? [] : [String(bad)]);
  });

function events(data: string): CowrieEvent[] {
  return eventsIn(join(data, "events"));
}

function eventsIn(folder: string): CowrieEvent[] {
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CowrieEvent);
}

/** The archivist's side of the spool, in its real process. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { segmentName, segmentsIn, SPOOL_FOLDER } from "../../gateway/model/spool.ts";
import { ArchivistChild } from "../archivist/child.ts";
import { dataFolder, Live } from "../archivist/folder.ts";
import { Conversation } from "../evidence/conversation.ts";
import { eventually, webhook } from "./spool.ts";

const POLICY = { webhook: webhook("http://127.0.0.1:1/") };

function eventsOf(text: string): CowrieEvent[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as CowrieEvent);
}

function spooled(data: string): CowrieEvent[] {
  const folder = join(data, SPOOL_FOLDER);
  return segmentsIn(folder).flatMap((segment) =>
    eventsOf(readFileSync(join(folder, segmentName(segment)), "utf8")),
  );
}

test("killed at any moment, the archivist spools each event once, as it writes the file", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().hello();
  const live = new Live(data, talk.session);
  for (let round = 0; round < 3; round++) {
    const archivist = await ArchivistChild.start(t, data, POLICY);
    const before = talk.entries.length;
    for (let tried = 0; tried < 20; tried++) talk.after(1).password("root", `${round}.${tried}`, "refused");
    live.write(round === 0 ? talk.entries : talk.entries.slice(before));
    archivist.tell({ kind: "session-opened", session: talk.session, path: live.path });
    await eventually("some events", () => spooled(data).length > 3 + round * 20);
    await archivist.kill();
  }
  const path = await live.finish(talk.end());
  const last = await ArchivistChild.start(t, data, POLICY);
  last.tell({ kind: "session-finished", session: talk.session, path });
  await last.archived(talk.session);
  await last.hears((message) => message.kind === "spooled" && message.bytes > 1000);
  await last.drain();
  const written = eventsOf(readFileSync(join(data, "events/mitsubako.json"), "utf8"));
  assert.equal(written.length, 3 + 60 + 2);
  assert.deepEqual(spooled(data), written);
});

test("a batch that stands in the spool and not in the file yet is not spooled again", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation().login();
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const path = await live.finish(talk.end());
  const first = await ArchivistChild.start(t, data, POLICY);
  await first.archived(talk.session);
  await first.kill();
  const whole = spooled(data);
  // As if it had been killed between the two.
  forget(data);
  const second = await ArchivistChild.start(t, data, POLICY);
  second.tell({ kind: "session-finished", session: talk.session, path });
  await second.archived(talk.session);
  await second.drain();
  assert.deepEqual(spooled(data), whole);
  assert.deepEqual(eventsOf(readFileSync(join(data, "events/mitsubako.json"), "utf8")), whole);
});

function forget(data: string): void {
  for (const name of readdirSync(data)) if (name.startsWith("index.sqlite")) rmSync(join(data, name));
  rmSync(join(data, "events/mitsubako.json"));
}

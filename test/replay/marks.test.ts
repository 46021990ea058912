import assert from "node:assert/strict";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Marker } from "../../gateway/recording/marker.ts";
import { sealRecording } from "../../gateway/recording/seal.ts";
import { Marks } from "../../gateway/replay/marks.ts";
import { Whereabouts } from "../../gateway/replay/whereabouts.ts";
import { ownFolder } from "../recording/sample.ts";
import { COMMANDS, longSession, Writing, written } from "./long-session.ts";

const never = new AbortController().signal;

function at(path: string): Whereabouts {
  return new Whereabouts(path, () => Promise.reject(new Error("it was not moved")));
}

/** Every command of channel 1, by going from one to the next. */
async function forward(marks: Marks) {
  const found = [];
  for (let mark = await marks.after(1, -1, never); mark; mark = await marks.after(1, mark.offset, never))
    found.push(mark);
  return found;
}

test("commands are found forward and back, read once, and each on its channel", async (t) => {
  const path = await written(longSession(), ownFolder(t));
  const marks = new Marks(at(path));
  const last = await marks.before(1, Number.MAX_SAFE_INTEGER, never);
  assert.equal(last?.text, COMMANDS.at(-1)?.text);
  const found = await forward(marks);
  assert.deepEqual(
    found.map((mark) => [Number(mark.at / 1_000_000n), mark.text]),
    COMMANDS.map((command) => [command.at, command.text]),
  );
  assert.equal((await marks.before(1, found[1]?.offset ?? 0, never))?.text, "uname -a");
  assert.equal(await marks.before(1, found[0]?.offset ?? 0, never), undefined);
  assert.equal((await marks.after(2, -1, never))?.text, "id");
});

test("of a sealed recording they come from its index, and mean the same place", async (t) => {
  const folder = ownFolder(t);
  const plain = await written(longSession(), folder);
  const found = await forward(new Marks(at(plain)));
  const markers = found.map((mark): Marker => ({
    ...mark,
    kind: "command",
    text: toByteString(Buffer.from(`${mark.text} (index)`)),
  }));
  const login: Marker = {
    at: 1n,
    offset: 32,
    channel: 0,
    kind: "login",
    text: toByteString(Buffer.from("x")),
  };
  const sealed = join(folder, "sealed.mbr");
  await sealRecording(plain, sealed, longSession().session, [login, ...markers]);
  assert.deepEqual(
    await forward(new Marks(at(sealed))),
    markers.map(({ at: time, offset, channel, text }) => ({ at: time, offset, channel, text })),
  );
});

test("a session that goes on has more of them later, and its recording may be moved meanwhile", async (t) => {
  const folder = ownFolder(t);
  const talk = longSession();
  const writing = new Writing(talk, folder);
  const half = talk.entries.findIndex((entry) => entry.at > 45_000_000_000n);
  writing.write(talk.entries.slice(0, half));
  const moved = join(folder, "elsewhere", "session.mbr");
  const marks = new Marks(new Whereabouts(writing.recording.path, () => Promise.resolve(moved)));
  assert.equal((await forward(marks)).length, 2);
  writing.write(talk.entries.slice(half));
  mkdirSync(join(folder, "elsewhere"));
  renameSync(writing.recording.path, moved);
  await writing.recording[Symbol.asyncDispose]();
  assert.equal((await forward(marks)).length, 3);
});

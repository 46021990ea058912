import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { buildChannelRequest, buildWindowSize } from "../../../gateway/ssh/messages/channel-request.ts";
import { Conversation } from "../../evidence/conversation.ts";
import { hostile } from "../hostile.ts";
import { conversation, exported, recorded, SESSION } from "./sample.ts";

async function textOf(t: TestContext, talk: Conversation, channel?: number): Promise<string> {
  const session = await recorded(t, talk.whole());
  const { stdout, code } = await exported({
    session,
    format: "text",
    ...(channel === undefined ? {} : { channel }),
  });
  assert.equal(code, 0);
  return stdout.toString();
}

/** A shell of this size that has printed these pieces. */
function shown(
  columns: number,
  rows: number,
  ...pieces: (string | Buffer)[]
): { talk: Conversation; channel: number } {
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.shell(channel, columns, rows);
  for (const piece of pieces) talk.after(10).gets(channel, piece);
  return { talk, channel };
}

test("a session reads as it was seen, a full-screen program where it was started", async (t) => {
  assert.equal(
    await textOf(t, conversation()),
    [
      "root@srv01:~# cat \u871c",
      "h\u00e9\ufffd",
      "root@srv01:~# vi x",
      "--- full screen ---",
      "~ full screen",
      ...Array.from({ length: 22 }, () => ""),
      "-- status --",
      "--- end of full screen ---",
      "after",
      "",
    ].join("\n"),
  );
});

test("a program without a terminal has its line feeds and both outputs", async (t) => {
  assert.match(await textOf(t, conversation(), 2), /^a\nb\n/);
});

test("every line of much output is there once, in order, however long or wrapped", async (t) => {
  const count = 40_000;
  const lines = Array.from({ length: count }, (_, at) => `${at} ${"x".repeat(at % 300)} end`);
  const pieces: Buffer[] = [];
  const all = Buffer.from(`${lines.join("\r\n")}\r\n`);
  for (let at = 0; at < all.length; at += 30_001) pieces.push(all.subarray(at, at + 30_001));
  assert.equal(await textOf(t, shown(80, 24, ...pieces).talk), `${lines.join("\n")}\n`);
});

test("one line that never ends comes whole", async (t) => {
  const line = Array.from({ length: 200_000 }, (_, at) => String(at).padStart(6, ".")).join("");
  const pieces = Array.from({ length: 50 }, (_, at) => line.slice(at * 24_000, (at + 1) * 24_000));
  // No assert.equal: its message would be the line.
  assert.ok((await textOf(t, shown(80, 24, ...pieces).talk)) === `${line}\n`);
});

test("cursor movement, erasing and clearing come out as they looked; what was cleared was seen", async (t) => {
  const { talk } = shown(
    40,
    5,
    "10%\r20%\r100%\r\nabc\b\bX\r\n",
    "secret\r\x1b[Kgone\r\n\x1b[H\x1b[2Jnew\r\n",
  );
  assert.equal(await textOf(t, talk), "100%\naXc\ngone\nnew\n");
});

test("a resize is applied: what follows wraps at the new width", async (t) => {
  const { talk, channel } = shown(20, 5, "x".repeat(30), "\r\n");
  const size = buildWindowSize({ columns: 10, rows: 5, width: 0, height: 0 });
  talk.packet("downstream", buildChannelRequest(channel, "window-change", false, size));
  // To column 10 of a line, then one more: on 20 columns it would overwrite nothing and stay.
  talk.gets(channel, "\x1b[999Cab\r\n");
  assert.equal(await textOf(t, talk), `${"x".repeat(30)}\n         ab\n`);
});

test("what is hostile to a terminal is harmless here, and leaves no control behind", async (t) => {
  for (const { name, sequence } of hostile) {
    const { talk } = shown(20, 5, Buffer.from(`before\r\n${sequence}\x1b\\\r\nafter\r\n`, "latin1"));
    const told = await textOf(t, talk);
    assert.match(told, /^before\n/, name);
    assert.match(told, /after\n$/, name);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(told, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/, name);
  }
});

test("repetitions, stacked marks and screens without end cost bounded memory and time", async (t) => {
  const start = process.memoryUsage.rss();
  const began = performance.now();
  const { talk } = shown(
    1,
    1,
    "a\x1b[10000b".repeat(300),
    `e${"\u0301".repeat(15_000)}\x1b[10000b`.repeat(20),
    "\x1b[?1049h1\x1b[?1049l".repeat(2000),
    "\x1b[1000S\x1b[1000L\x1b[2J\x1b[1000T".repeat(1000),
  );
  const told = await textOf(t, talk);
  assert.ok(told.length < 20_000_000, `${told.length} characters`);
  assert.ok(process.memoryUsage.rss() - start < 400_000_000);
  assert.ok(performance.now() - began < 60_000);
});

test("sizes that no terminal has are taken for ones that can be drawn", async (t) => {
  const { talk } = shown(0, 0, "x".repeat(81), "\r\n");
  assert.equal(await textOf(t, talk), `${"x".repeat(81)}\n`);
  const { talk: other } = shown(4_000_000_000, 4_000_000_000, "y\r\n");
  assert.equal(await textOf(t, other), "y\n");
});

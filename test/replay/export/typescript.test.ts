import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ownFolder } from "../../recording/sample.ts";
import { BINARY, conversation, exported, recorded, RESIZED, SHELL } from "./sample.ts";

const bytesOf = (wanted: "in" | "out") =>
  Buffer.concat(SHELL.filter(({ from }) => from === wanted).map(({ data }) => data));

test("scriptreplay shows what the terminal showed, to the byte, and what was typed", async (t) => {
  const folder = join(ownFolder(t), "script");
  await exported({
    session: await recorded(t, conversation().whole()),
    format: "typescript",
    output: folder,
  });
  const files = ["--log-timing", join(folder, "timing"), "--divisor", "1000"];
  const output = execFileSync("scriptreplay", [...files, "--log-out", join(folder, "typescript")]);
  // It ends with a line feed of its own.
  assert.deepEqual(output, Buffer.concat([bytesOf("out"), Buffer.from("\n")]));
  const input = execFileSync("scriptreplay", [
    ...files,
    "--cr-mode",
    "never",
    "--stream",
    "in",
    "--log-in",
    join(folder, "input"),
  ]);
  assert.deepEqual(input, Buffer.concat([bytesOf("in"), Buffer.from("\n")]));
  const summary = execFileSync("scriptreplay", [...files, "--summary"], { encoding: "utf8" });
  assert.match(summary, /START_TIME: +2026-11-23 02:15:38\+00:00/);
  assert.match(summary, /TERM: +xterm/);
  assert.match(summary, /EXIT_CODE: +0/);
});

test("a resize is a signal in the timing file, and the pauses add up", async (t) => {
  const folder = join(ownFolder(t), "script");
  await exported({
    session: await recorded(t, conversation().whole()),
    format: "typescript",
    output: folder,
  });
  const lines = readFileSync(join(folder, "timing"), "utf8").split("\n");
  const steps = lines.map((line) => /^([OIS]) (\d+\.\d{6}) /.exec(line)).filter((match) => match !== null);
  assert.ok(lines.some((line) => line.endsWith(`SIGWINCH ROWS=${RESIZED.rows} COLS=${RESIZED.columns}`)));
  const total = steps.reduce((sum, step) => sum + Math.round(Number(step[2]) * 1e6), 0);
  assert.equal(total, 5_000_000);
});

test("binary output replays as it was", async (t) => {
  const folder = join(ownFolder(t), "script");
  const session = await recorded(t, conversation().whole());
  await exported({ session, format: "typescript", output: folder, channel: 2 });
  const output = execFileSync("scriptreplay", [
    ...["--log-timing", join(folder, "timing"), "--divisor", "1000"],
    ...["--log-out", join(folder, "typescript")],
  ]);
  assert.deepEqual(output, Buffer.concat([Buffer.from("a\nb\n"), BINARY, Buffer.from("\n")]));
});

test("a command's line feeds make no line of the timing file", async (t) => {
  const folder = join(ownFolder(t), "script");
  const talk = conversation();
  talk.exec(talk.open(), "a\nO 9.0 99\nb\x1b[c");
  const session = await recorded(t, talk.whole());
  await exported({ session, format: "typescript", output: folder, channel: 3 });
  const timing = readFileSync(join(folder, "timing"), "latin1");
  assert.match(timing, /COMMAND a\\x0aO 9\.0 99\\x0ab\\x1b\[c\n/);
});

test("no folder, or one that is there, is refused with what to do", async (t) => {
  const session = await recorded(t, conversation().whole());
  await assert.rejects(exported({ session, format: "typescript" }), /is a folder of files/);
  const output = ownFolder(t);
  await assert.rejects(exported({ session, format: "typescript", output }), /is there already/);
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ShellCommands, type ShellTold } from "../../gateway/evidence/shell-commands.ts";
import { ShellLines } from "../../gateway/evidence/shell-lines.ts";
import type { Captured } from "./terminals/captured.ts";

const FOLDER = join(import.meta.dirname, "terminals");
const CAPTURED = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json") && !name.startsWith("written-"))
  .map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Captured)
  .filter((captured) => !Array.isArray(captured));

function told({ columns, stream }: Captured, exitStatus?: number): ShellTold[] {
  const commands = new ShellCommands();
  let at = 0n;
  const lines = new ShellLines(columns, (line) => commands.line(line, at));
  for (const [direction, text] of stream) {
    at += 1n;
    const bytes = Buffer.from(text, "latin1");
    if (direction === "i") lines.input(bytes, at);
    else if (direction === "o") lines.output(bytes);
    else lines.resize(Number(text));
  }
  lines.end();
  commands.end(exitStatus);
  return commands.take();
}

type Command = ShellTold & { kind: "command" };

function commandsOf(captured: Captured): Command[] {
  // A comment is entered like a command, but bash runs nothing.
  return told(captured).filter((one): one is Command => one.kind === "command" && !one.text.startsWith("#"));
}

function named(name: string): Captured {
  const captured = CAPTURED.find((one) => one.name === name);
  assert.ok(captured, name);
  return captured;
}

/** Read otherwise than bash ran it. */
const MISSED: readonly (readonly [string, ran: string | undefined, read: string | undefined])[] = [
  // Put on the line by operate-and-get-next, and entered as it stood there.
  ["more-keys", "echo end", undefined],
  // A syntax error is no command to bash.
  ["recalled", undefined, " | tail -1"],
  // Something in the background wrote behind what came out of the history.
  ["recalled", undefined, "(sleep 0.3; echo noise) & noise"],
  ["recalled", "(sleep 0.3; echo noise) & ", undefined],
];
/** Their commands are bash's, one by one. */
const ALIKE = CAPTURED.filter(({ name }) => !MISSED.some(([missed]) => missed === name));

test("every command that a real shell ran is read to the byte, and no other, but for two of 378", () => {
  assert.ok(CAPTURED.length >= 27);
  let exact = 0;
  let all = 0;
  const missed: [string, string | undefined, string | undefined][] = [];
  for (const captured of CAPTURED) {
    const left = [...captured.ran.map(({ text }) => text)];
    for (const { text, ...one } of commandsOf(captured)) {
      // bash remembers escaped ends of lines as joined. Blanks at a line's end are not seen on a screen.
      const joined = text.replaceAll("\\\n", "");
      const place = left.findIndex((ran) =>
        one.exact ? ran === text || ran === joined : ran.trimEnd() === joined.trimEnd(),
      );
      for (const ran of left.splice(0, place + 1).slice(0, -1)) missed.push([captured.name, ran, undefined]);
      if (place === -1) missed.push([captured.name, undefined, text]);
      if (one.exact) exact++;
      // Exact is what bash ran, always.
      if (one.exact) assert.notEqual(place, -1, text);
    }
    for (const ran of left) missed.push([captured.name, ran, undefined]);
    all += captured.ran.length;
  }
  assert.equal(all, 378);
  assert.deepEqual(missed, MISSED);
  // The others came out of the history, a completion, or shells whose prompts can only be guessed at.
  assert.ok(exact >= 272, `${exact} of ${all}`);
});

test("directories that are told are those that bash was in, and nearly all are", () => {
  let known = 0;
  let all = 0;
  for (const captured of ALIKE) {
    for (const [index, { directory }] of commandsOf(captured).entries()) {
      const ran = captured.ran[index];
      if (ran?.directory === undefined) continue;
      all++;
      if (directory === undefined) continue;
      known++;
      assert.equal(directory, ran.directory, `${captured.name}: ${ran.text}`);
    }
  }
  assert.ok(known / all > 0.95, `${known} of ${all}`);
});

test("exit statuses that are told are those that bash had", () => {
  let known = 0;
  for (const captured of ALIKE) {
    const ended = told(captured).filter((one) => one.kind === "command-ended");
    const numbers = commandsOf(captured).map(({ number }) => number);
    for (const { number, exitStatus } of ended) {
      const ran = captured.ran[numbers.indexOf(number)];
      if (exitStatus === undefined || ran?.status === undefined) continue;
      known++;
      assert.equal(exitStatus, ran.status, `${captured.name}: ${ran.text}`);
    }
  }
  assert.ok(known >= 6, `${known}`);
  const statuses = told(named("directories")).flatMap((one) =>
    one.kind === "command-ended" && one.exitStatus !== undefined ? [[one.text, one.exitStatus]] : [],
  );
  assert.deepEqual(statuses, [
    ["nothing-of-that-name", 127],
    ["/etc/passwd", 126],
    ["false", 1],
    ["(exit 3)", 3],
    ["exit 7", 7],
  ]);
});

test("what programs read is no command; what was not echoed is said to be hidden", () => {
  const typed = (name: string) =>
    told(named(name)).flatMap((one) => (one.kind === "typed" ? [[one.text, one.hidden]] : []));
  assert.deepEqual(typed("passwords"), [
    ["s3cret pass", true],
    ["mysql-like", true],
    ["new1", true],
    ["other2", true],
  ]);
  assert.deepEqual(typed("ahead"), [
    ["lost line", false],
    ["echo not a command", false],
    ["hidden words", true],
    ["line for head", false],
    ["other", false],
    ["echo to cat", false],
  ]);
  assert.deepEqual(typed("nested").slice(0, 6), [
    ["some answer", false],
    ["print(6 * 7)", false],
    ["import os", false],
    ["exit()", false],
    ["select 1;", false],
    [".quit", false],
  ]);
});

test("the last command's status is that of the channel, also when the shell was left by ^D or exit", () => {
  const over = (name: string, status: number) =>
    told(named(name), status).flatMap((one) => (one.kind === "command-ended" ? [one] : []));
  assert.deepEqual(
    [over("history", 5).at(-1)?.text, over("history", 5).at(-1)?.exitStatus],
    ["echo done", 5],
  );
  assert.deepEqual(
    over("wrapped", 6)
      .slice(-2)
      .map(({ text, exitStatus }) => [text.slice(0, 20), exitStatus]),
    [
      ["exit", 6],
      ["echo resized in the ", 6],
    ],
  );
});

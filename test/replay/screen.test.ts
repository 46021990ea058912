import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TerminalGuard } from "../../gateway/replay/guard.ts";
import { Interpreter } from "../../gateway/replay/screen/interpreter.ts";
import { ScreenModel } from "../../gateway/replay/screen/model.ts";
import { Painter } from "../../gateway/replay/screen/painter.ts";
import { ownFolder } from "../recording/sample.ts";
import { hostile } from "./hostile.ts";
import { forbidden } from "./forbidden.ts";
import { Tmux } from "./tmux.ts";

const COLUMNS = 40;
const ROWS = 12;

function modelOf(text: string | Buffer, columns = COLUMNS, rows = ROWS): ScreenModel {
  const model = new ScreenModel(columns, rows);
  const guard = new TerminalGuard({ utf8: true });
  new Interpreter(model, true).write(guard.write(Buffer.from(text)));
  return model;
}

function rowsOf(model: ScreenModel): string[] {
  return Array.from({ length: model.rows }, (_, row) =>
    Array.from({ length: model.columns }, (_, column) => model.cell(row, column).text)
      .join("")
      .trimEnd(),
  );
}

/** What a terminal of tmux's shows after the same bytes, and where its cursor stands. */
async function tmuxOf(t: TestContext, pieces: readonly string[]) {
  const folder = ownFolder(t);
  const script = pieces.map((piece, index) => {
    writeFileSync(join(folder, String(index)), piece);
    // The terminal answers where its cursor is when it has read all that stands before the question.
    const answered = `printf '\\033[6n'; IFS= read -r -d R answer; touch shown${index}`;
    return `printf '\\033c'; cat ${index}; ${answered}; while [ ! -e seen${index} ]; do sleep 0.02; done`;
  });
  writeFileSync(join(folder, "script"), script.join("\n"));
  const tmux = new Tmux(t, COLUMNS, ROWS, `cd ${folder}; stty raw -echo; bash script`);
  const shown: { rows: string[]; cursor: [number, number] }[] = [];
  for (const [index] of pieces.entries()) {
    while (!existsSync(join(folder, `shown${index}`))) await sleep(20);
    shown.push({ rows: tmux.screen().slice(0, ROWS), cursor: tmux.cursor() });
    writeFileSync(join(folder, `seen${index}`), "");
  }
  return shown;
}

const DRAWN: readonly string[] = [
  "plain\ttabs\r\nand\tmore\r\n\x1b[3;10Hthere\x1b[2Aup\x1b[5Ddown\x1b[B\x1b[Cx",
  `${"a line that is longer than the terminal is wide ".repeat(3)}\r\nend`,
  Array.from({ length: 30 }, (_, n) => `line ${n}`).join("\r\n"),
  "\x1b[2;5r\x1b[5;1Hone\ntwo\r\nthree\r\nfour\x1b[r\x1b[12;1Hbottom",
  "\x1b[3;8r\x1b[?6h\x1b[1;1Horigin\x1b[99;1Hlowest\x1b[?6l\x1b[1;1Htop",
  "abcdefghij\x1b[1;4H\x1b[2@XY\x1b[1;9H\x1b[3P\r\n\x1b[4habc\rXYZ\x1b[4l",
  "one\r\ntwo\r\nthree\r\nfour\x1b[2;1H\x1b[2Linserted\x1b[5;1H\x1b[M",
  "AAAAAAAAAA\r\nBBBBBBBBBB\r\nCCCCCCCCCC\x1b[2;5H\x1b[K\x1b[3;5H\x1b[1K\x1b[1;3H\x1b[4X",
  "11111\r\n22222\r\n33333\x1b[2;3H\x1b[J\x1b[1;3H\x1b[1J",
  "\u871c\u7bb1 \u871c\r\n\u871c\u7bb1\x1b[2;1Hx\x1b[3;40H\u871c\x1b[5;1He\u0301 \u{1f41d}!",
  "first\x1b[?1049h\x1b[2J\x1b[Hother\x1b[3;3Hhere\x1b[?1049l again",
  "\x1b7saved\x1b[5;5Hthere\x1b8S\x1b[s\x1b[9;9Hx\x1b[uU",
  "\x1b[?7l" + "0123456789".repeat(5) + "\x1b[?7h\r\nnext",
  "top\x1bM\x1bMreverse\x1b[12;1H\x1bDindex\x1bEnext line",
  "a\x1b[10bz\r\n\t\t\ttab\x1b[2Zback\x1b[3g\tnone",
  "x\x1b[5S1\x1b[3;1Habc\x1b[2T2",
  "\x1b[1;31mred\x1b[0m \x1b[7mreverse\x1b[m\x1b[4;1H\x1b[5`col\x1b[7dline\x1b[3Eafter\x1b[2Fbefore",
  "caf\xc3\xa9 abc\b\b\bX\r\n\x7fdel\x00nul",
  "\x1b#8\x1b[3;3H\x1b[K",
  "gone\x1bcafter a reset",
];

test("a model shows what a real terminal shows", async (t) => {
  const shown = await tmuxOf(t, DRAWN);
  for (const [index, text] of DRAWN.entries()) {
    const model = modelOf(text);
    assert.deepEqual(
      { rows: rowsOf(model), cursor: cursorOf(model) },
      shown[index],
      `after ${JSON.stringify(text)}`,
    );
  }
});

test("it does so for whatever a stranger puts together", async (t) => {
  const random = randomNumbers(20261125);
  const pieces = Array.from({ length: 12 }, () =>
    Array.from({ length: 120 }, () => CONTROLS[random(CONTROLS.length)]?.(random) ?? "").join(""),
  );
  const shown = await tmuxOf(t, pieces);
  for (const [index, text] of pieces.entries()) {
    const model = modelOf(text);
    assert.deepEqual(
      { rows: rowsOf(model), cursor: cursorOf(model) },
      shown[index],
      `after ${JSON.stringify(text)}`,
    );
  }
});

test("line drawing is drawn with lines", () => {
  const model = modelOf("\x1b(0lqk\r\nx x\r\nmqj\x1b(B\r\n\x1b)0shift \x0etqu\x0f back");
  assert.deepEqual(rowsOf(model).slice(0, 4), ["┌─┐", "│ │", "└─┘", "shift ├─┤ back"]);
});

test("what is painted of a model makes the same screen, colours too, and stays so when it changes", async (t) => {
  const text = `\x1b[1;31mred\x1b[0m \x1b[38;5;208;4morange\x1b[m\r\n\x1b[48;2;1;2;3m\x1b[Kground\x1b[m\r\n\u871c\u7bb1\x1b[7mX\x1b[27m`;
  const more = "\x1b[2;4Hchanged\x1b[9;1H\x1b[32mgreen";
  const direct = await tmuxOf(t, [text + more]);
  const model = modelOf(text);
  const painter = new Painter();
  const area = { columns: COLUMNS, rows: ROWS };
  let painted = painter.paint(model, area, []);
  new Interpreter(model, true).write(Buffer.from(more));
  const changed = painter.paint(model, area, []);
  assert.ok(!changed.includes("\u871c"), "a row that did not change is not painted again");
  painted += changed;
  assert.deepEqual(await tmuxOf(t, [painted]), direct);
  const look = (row: number, column: number) => model.cell(row, column).look;
  assert.deepEqual(
    [look(0, 0), look(0, 4), look(1, 30), look(8, 0), look(8, 20)],
    ["\x1b[0;1;31m", "\x1b[0;4;38;5;208m", "\x1b[0;48;2;1;2;3m", "\x1b[0;7m".replace("7", "32"), ""],
  );
});

test("of a screen larger than the terminal the part with the cursor is painted, and wide characters are not halved", () => {
  const model = modelOf(`\x1b[1;1Hfirst\x1b[12;1H${"\u871c".repeat(20)}\x1b[12;39H`);
  const painted = new Painter().paint(model, { columns: 10, rows: 4 }, ["ours"]);
  assert.ok(!painted.includes("first"));
  const shown = rowsOf(modelOf(painted, 10, 4));
  assert.deepEqual(shown, ["", "", " \u871c\u871c\u871c\u871c", "ours"]);
});

test("whatever comes, painting asks a terminal nothing, and memory and time have bounds", () => {
  const random = randomNumbers(7);
  for (let round = 0; round < 300; round += 1) {
    const pieces = Array.from({ length: 60 }, () =>
      random(3) === 0
        ? (hostile[random(hostile.length)]?.sequence ?? "")
        : (CONTROLS[random(CONTROLS.length)]?.(random) ?? ""),
    );
    const model = modelOf(Buffer.from(pieces.join(""), "latin1"), 1 + random(20), 1 + random(6));
    model.resize(1 + random(30), 1 + random(9));
    const painted = new Painter().paint(model, { columns: 1 + random(20), rows: 1 + random(6) }, []);
    assert.equal(forbidden(Buffer.from(painted)), undefined);
  }
  const looks = Array.from({ length: 200_000 }, (_, n) => `\x1b[38;2;${n & 255};${n >> 8};1mx\u0301`);
  const started = performance.now();
  modelOf(`${looks.join("")}\x1b[9999b\x1b[9999;9999H\x1b[9999L\x1b[9999@\x1b[9999S\x1b[9999I\x1b[9999X`);
  assert.ok(performance.now() - started < 20_000);
});

function cursorOf({ pen, columns }: ScreenModel): [number, number] {
  // tmux tells a cursor that waits at the margin to wrap as one column further.
  return [pen.wrapping ? columns : pen.column, pen.row];
}

type Random = (below: number) => number;

function randomNumbers(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** What passes the guard and means the same to every terminal. */
const CONTROLS: readonly ((random: Random) => string)[] = [
  (random) => "abcdefghijklmnopqrstuvwxyz0123456789".slice(random(20), 20 + random(16)),
  (random) => "word ".repeat(random(12)),
  () => "\r\n",
  () => "\r",
  () => "\n",
  () => "\b",
  () => "\t",
  (random) => `\x1b[${1 + random(14)};${1 + random(45)}H`,
  (random) => `\x1b[${random(6)}${"ABCDEFGd`"[random(9)] ?? "A"}`,
  (random) => `\x1b[${random(3)}${"JK"[random(2)] ?? "K"}`,
  (random) => `\x1b[${random(5)}${"@X"[random(2)] ?? "X"}`,
  // Where tmux and xterm differ (half a wide character deleted, lines inserted outside of margins), it is not done.
  (random) => `\x1b[2K\rabcdefgh\x1b[1;${1 + random(9)}H\x1b[${random(5)}P`,
  (random) => `\x1b[r\x1b[${1 + random(12)};1H\x1b[${random(5)}${"LM"[random(2)] ?? "L"}`,
  (random) => `\x1b[${1 + random(3)}S`,
  (random) => `\x1b[${1 + random(5)};${7 + random(6)}r`,
  () => "\x1b[r",
  () => "\x1bM",
  () => "\x1bD",
  (random) => `\x1b[${30 + random(8)}m`,
  () => "\x1b[m",
  // Not at the margin, where tmux inserts before it wraps.
  (random) => `\x1b[${1 + random(30)}G\x1b[4hab\x1b[4l`,
  () => "\u871c\u7bb1",
];

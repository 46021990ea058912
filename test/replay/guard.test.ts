import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalGuard } from "../../gateway/replay/guard.ts";
import { hostile } from "./hostile.ts";
import { forbidden } from "./forbidden.ts";

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function guarded(pieces: readonly Uint8Array[], utf8 = true): Buffer {
  const guard = new TerminalGuard({ utf8 });
  return Buffer.concat(pieces.map((piece) => guard.write(piece)));
}

for (const { name, sequence, left } of hostile) {
  test(`does not pass, however it is cut: ${name}`, () => {
    const input = Buffer.concat([bytes("before "), bytes(sequence), bytes("\x1b\\ after\r\n")]);
    const whole = guarded([input]);
    assert.equal(forbidden(whole), undefined);
    assert.equal(whole.toString("latin1"), `before ${left ?? ""} after\r\n`);
    for (let first = 0; first <= input.length; first += 1) {
      for (let second = first; second <= input.length; second += second - first > 3 ? 7 : 1) {
        const pieces = [input.subarray(0, first), input.subarray(first, second), input.subarray(second)];
        assert.deepEqual(guarded(pieces), whole);
      }
    }
    assert.equal(forbidden(guarded([input], false)), undefined);
  });
}

test("what draws passes to the byte", () => {
  for (const drawn of [
    "plain\ttext\r\n\b\x07\x0b\x0c\x00\x7f",
    "\x1b[01;32madmin@srv01\x1b[00m:\x1b[38;5;208m~\x1b[38:2::1:2:3m$ \x1b[m",
    "\x1b[2J\x1b[H\x1b[3;4H\x1b[K\x1b[1K\x1b[2A\x1b[5B\x1b[C\x1b[D\x1b[10G\x1b[4d\x1b[2L\x1b[3M\x1b[4P\x1b[5@\x1b[6X",
    "\x1b[1;24r\x1b[2S\x1b[2T\x1b[r\x1b7\x1b8\x1bD\x1bM\x1bE\x1b[s\x1b[u\x1b[20b\x1b[g",
    "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[4h\x1b[4l\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[!p",
    "\x1b(0lqqk\x1b(B\x0ex\x0f\x1b)0\x1b#8",
    "\xe8\x9c\x9c\xe7\xae\xb1 \xf0\x9f\x90\x9d caf\xc3\xa9",
    "\xe9\xff\xfe\xc0\xf5 latin-1 and what is no text",
  ])
    assert.equal(guarded([bytes(drawn), bytes("\r\n")]).toString("latin1"), `${drawn}\r\n`);
});

test("of several modes in one sequence those pass that only draw", () => {
  assert.equal(guarded([bytes("\x1b[?1049;1006;25;2004h")]).toString("latin1"), "\x1b[?1049;25h");
});

test("controls take effect in the middle of a sequence, as they do in a terminal", () => {
  assert.equal(guarded([bytes("\x1b[3\n1m\x1b[6\rn")]).toString("latin1"), "\n\x1b[31m\r");
});

test("at the end a terminal is as it was found, and nothing is undone that was not done", () => {
  const left = (text: string) => {
    const guard = new TerminalGuard({ utf8: true });
    guard.write(bytes(text));
    return guard.end().toString("latin1");
  };
  assert.equal(left("plain \x1b[31mred\x1b[0m \x1b[?1049hfull\x1b[?1049l\x1b[?25l\x1b[?25h"), "");
  assert.equal(left("\x1b[?1049h\x1b[31m\x1b[?25l"), "\x1b[?1049l\x1b[m\x1b[?25h");
  assert.equal(
    left("\x1b(0\x0e\x1b[5;10r\x1b[4 q\x1b[?7l\x1b[?5h"),
    ["\x0f\x1b(B\x1b)B\x1b*B\x1b+B", "\x1b7\x1b[r\x1b8", "\x1b[0 q", "\x1b[?7h", "\x1b[?5l"].join(""),
  );
  assert.equal(left("\x1b]0;unfinished"), "");
  assert.equal(left("\xe8\x9c"), "\xe8\xef\xbf\xbd");
});

test("what a stranger can put together from pieces of all of these never passes", () => {
  const pieces = [
    ...hostile.map(({ sequence }) => sequence),
    ...'\x1b \x1b[ \x9b \xc2\x9b \xc2 \x9d ? > = $ ! " 6n c t i q 0 ; : 52 \x07 \x18 \x1a \x05 \\ \x1b\\ P ] ^ _ X k h l m \xe8 \x9c \xf0 \xed % G @ \n a'.split(
      " ",
    ),
    " ",
  ].map(bytes);
  let seed = 20261123;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  for (let round = 0; round < 20_000; round += 1) {
    const chosen = Array.from(
      { length: 1 + random(12) },
      () => pieces[random(pieces.length)] ?? Buffer.alloc(0),
    );
    const guard = new TerminalGuard({ utf8: round % 5 !== 0 });
    const out = Buffer.concat([...chosen.map((piece) => guard.write(piece)), guard.end()]);
    assert.equal(forbidden(out, round % 5 !== 0), undefined, Buffer.concat(chosen).toString("latin1"));
  }
});

test("a sequence without an end is not kept", () => {
  const guard = new TerminalGuard({ utf8: true });
  const long = Buffer.alloc(1_000_000, "1;");
  guard.write(bytes("\x1b["));
  assert.equal(guard.write(long).length, 0);
  assert.equal(guard.write(bytes("mafter")).toString(), "after");
  guard.write(bytes("\x1b]0;"));
  assert.equal(guard.write(long).length, 0);
  assert.equal(guard.write(bytes("\x07after")).toString(), "after");
});

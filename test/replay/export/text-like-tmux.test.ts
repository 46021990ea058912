import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { exported, recorded, SESSION } from "./sample.ts";

/** What programs do to the ordinary screen. Each scene begins at the left of a line and ends so. */
const SCENES: readonly (readonly [name: string, output: string])[] = [
  [
    "colours, tabs and long lines",
    `${"\x1b[1;31mred\x1b[0m\tand\tthen some \x1b[4munderlined\x1b[m text ".repeat(9)}\r\n`,
  ],
  ["wide characters at the margin", `${"x".repeat(79)}\u871c\u7bb1 and on ${"\u871c".repeat(60)}\r\n`],
  ["composed characters", "e\u0301 n\u0303 \u{1f36f} caf\u00e9\r\n"],
  ["a progress line", "  1%\r 50%\r100% done\x1b[K\r\n"],
  ["lines rewritten above", "one\r\ntwo\r\nthree\r\n\x1b[2A\x1b[2Ktwo again\r\n\x1b[B"],
  ["characters inserted and deleted", "abcdef\x1b[4D\x1b[2P\x1b[2@XY\r\n"],
  ["backspaces and spaces", "typo\b\b  \b\b\b\bok\r\n"],
  ["the cursor saved and restored", "left\x1b7 right\x1b8\x1b[K middle\r\n"],
  [
    "a scroll region above a status line",
    `\x1b[1;23r\x1b[23;1H${Array.from({ length: 60 }, (_, line) => `step ${line}\r\n`).join("")}\x1b[24;1Hstatus\x1b[r\x1b[24;1H\x1b[K`,
  ],
  ["lines inserted in the middle", "\r\n\r\n\r\n\x1b[3A\x1b[2Lin\r\nserted\x1b[3B\r\n"],
  [
    "more than a screen",
    Array.from({ length: 200 }, (_, line) => `${line} ${"-".repeat(line)}\r\n`).join(""),
  ],
  ["back home and over it", "\x1b[H\x1b[Kfirst\x1b[24;1H\r\n"],
  [
    "origin mode and relative moves",
    "\x1b[5;10r\x1b[?6h\x1b[2;3Hin the region\x1b[?6l\x1b[r\x1b[24;1Hend\r\n",
  ],
  ["repetition", "ab\x1b[30b\r\n"],
];

/** tmux as the reader: what it has, history and screen, when this was printed. */
async function inTmux(t: TestContext, output: string): Promise<string[]> {
  const folder = ownFolder(t);
  const file = join(folder, "output");
  const done = join(folder, "done");
  writeFileSync(file, output);
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-S", join(folder, "socket"), "-f", "/dev/null", ...args], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8", TMUX: "" },
    });
  // No line discipline between: what was recorded has been through one.
  // The terminal answers where its cursor is when it has read all that stands before the question.
  const answered = `printf '\\033[6n'; IFS= read -r -d R answer; touch '${done}'`;
  const script = `stty raw -echo; cat '${file}'; ${answered}; sleep 600`;
  writeFileSync(join(folder, "script"), script);
  tmux("-u", "new-session", "-d", "-x", "80", "-y", "24", "sleep 600");
  try {
    tmux("set-option", "-g", "history-limit", "50000");
    tmux("set-option", "-g", "status", "off");
    tmux("new-window", `bash '${join(folder, "script")}'`);
    for (const end = performance.now() + 60_000; !existsSync(done);) {
      assert.ok(performance.now() < end, `not printed within 60 s: ${tmux("capture-pane", "-p")}`);
      await sleep(50);
    }
    return lines(tmux("capture-pane", "-p", "-J", "-S", "-", "-E", "-"));
  } finally {
    tmux("kill-server");
  }
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n+$/, "")
    .split("\n");
}

test("tmux, given the same output, has the same lines in its history and on its screen", async (t) => {
  const outputs = SCENES.map(([, output]) => output);
  for (const output of [outputs.join(""), outputs.toReversed().join("")]) {
    const talk = new Conversation(SESSION).login();
    const channel = talk.open();
    talk.shell(channel);
    const bytes = Buffer.from(output);
    for (let at = 0; at < bytes.length; at += 7) talk.gets(channel, bytes.subarray(at, at + 7));
    const { stdout } = await exported({ session: await recorded(t, talk.whole()), format: "text" });
    assert.deepEqual(lines(stdout.toString()), await inTmux(t, output));
  }
});

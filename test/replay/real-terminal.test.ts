import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TerminalGuard } from "../../gateway/replay/guard.ts";
import { ownFolder } from "../recording/sample.ts";
import { hostile } from "./hostile.ts";

/** Asks where the cursor is: what is answered to anything before it stands before that answer. */
const FENCE = "\x1b[6n";
const FENCE_ANSWER = "\\x1b\\[\\d+;\\d+R$";

/** What a terminal of tmux's types by itself when it is shown these bytes, up to where it is as it should. */
async function answersTo(
  t: TestContext,
  bytes: Buffer,
  enough: (answers: string) => boolean,
): Promise<string> {
  const folder = ownFolder(t);
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-S", join(folder, "socket"), "-f", "/dev/null", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TERM: "xterm-256color", LC_ALL: "C.UTF-8" },
    });
  writeFileSync(join(folder, "shown"), bytes);
  writeFileSync(join(folder, "answers"), "");
  const command = `stty raw -echo; cat '${folder}/shown'; exec cat > '${folder}/answers'`;
  tmux("new-session", "-d", "-x", "100", "-y", "30", command);
  try {
    for (const end = performance.now() + 60_000; ;) {
      const answers = readFileSync(join(folder, "answers"), "latin1");
      if (enough(answers)) return answers;
      assert.ok(performance.now() < end, `not within 60 s, but only ${JSON.stringify(answers)}`);
      await sleep(50);
    }
  } finally {
    tmux("kill-server");
  }
}

test("a real terminal answers the hostile sequences, and answers nothing of what the guard lets through", async (t) => {
  const bytes = Buffer.concat(hostile.map(({ sequence }) => Buffer.from(`${sequence}\x1b\\ `, "latin1")));
  // Unguarded it tells what it is.
  await answersTo(t, bytes, (answers) => answers.includes("\x1b[?1;2"));
  const guard = new TerminalGuard({ utf8: true });
  const guarded = Buffer.concat([guard.write(bytes), guard.end(), Buffer.from(FENCE)]);
  const answers = await answersTo(t, guarded, (so) => new RegExp(FENCE_ANSWER).test(so));
  assert.match(answers, new RegExp(`^${FENCE_ANSWER}`), "none but that to the fence");
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { TerminalGuard } from "../../gateway/replay/guard.ts";
import { ownFolder } from "../recording/sample.ts";
import { hostile } from "./hostile.ts";

/** What a terminal of tmux's types by itself when it is shown these bytes. */
async function answersTo(t: TestContext, bytes: Buffer): Promise<string> {
  const folder = ownFolder(t);
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-S", join(folder, "socket"), "-f", "/dev/null", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TERM: "xterm-256color", LC_ALL: "C.UTF-8" },
    });
  writeFileSync(join(folder, "shown"), bytes);
  writeFileSync(join(folder, "answers"), "");
  const command = `stty raw -echo; cat '${folder}/shown'; touch '${folder}/done'; exec timeout 2 cat > '${folder}/answers'`;
  tmux("new-session", "-d", "-x", "100", "-y", "30", command);
  try {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return readFileSync(join(folder, "answers"), "latin1");
  } finally {
    // Its last session may have ended by itself, and the server with it.
    try {
      tmux("kill-server");
    } catch (error) {
      assert.match(String((error as { stderr?: Buffer }).stderr), /no server running|No such file/);
    }
  }
}

test("a real terminal answers the hostile sequences, and answers nothing of what the guard lets through", async (t) => {
  const bytes = Buffer.concat(hostile.map(({ sequence }) => Buffer.from(`${sequence}\x1b\\ `, "latin1")));
  const unguarded = await answersTo(t, bytes);
  assert.ok(unguarded.includes("\x1b[?1;2"), `unguarded it tells what it is: ${JSON.stringify(unguarded)}`);
  const guard = new TerminalGuard({ utf8: true });
  assert.equal(await answersTo(t, Buffer.concat([guard.write(bytes), guard.end()])), "");
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";

const LAB = join(import.meta.dirname, "lab/blocked-output.ts");

for (const [who, said] of [
  ["archivist", /^\["Standard output is not read; events are not printed there for now\."\]$/],
  ["warden", /^\["its writer was told to wait"\]$/],
] as const)
  test(`standard output that nobody reads stops no ${who}`, { timeout: 60_000 }, async (t) => {
    const child = spawn(process.execPath, [LAB, who], { stdio: ["ignore", "pipe", "pipe"] });
    t.after(() => child.kill("SIGKILL"));
    child.stdout.pause();
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, 0);
    assert.match(words, said);
  });

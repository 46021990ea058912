import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { clientOptions, startGateway } from "../../gateway/harness.ts";
import { ask } from "./ask.ts";
import { COMMANDS } from "./commands.ts";
import { differences, wordsFound } from "./compare.ts";
import { startPlainMachine } from "./plain-machine.ts";

const PASSWORD = "qwe123";
const USER = "deploy";

test("a sandbox answers as a plain machine of the same packages", async (t) => {
  const [gateway, plain] = await Promise.all([startGateway(), startPlainMachine("srv01", USER, PASSWORD)]);
  await using held = new AsyncDisposableStack();
  held.use(gateway);
  held.use(plain);
  const report: unknown[] = [];
  let alike = 0;
  for (const user of ["root", USER]) {
    const session = [...clientOptions({ password: PASSWORD }), "-T", `${user}@127.0.0.1`, "bash"];
    const [ours, its] = await Promise.all([
      ask(["sshpass", "-e", "ssh", "-p", String(gateway.port), ...session], PASSWORD, COMMANDS),
      ask([...plain.enter, "sshpass", "-e", "ssh", ...session], PASSWORD, COMMANDS),
    ]);
    const differing = differences(COMMANDS, its, ours);
    const words = wordsFound(COMMANDS, its, ours);
    alike += COMMANDS.length - differing.length;
    for (const { command, plain: p, sandbox: s } of differing) report.push({ user, command, p, s });
    t.diagnostic(`${user}: ${COMMANDS.length - differing.length} of ${COMMANDS.length} alike`);
    t.diagnostic(`${user}: words ${JSON.stringify(words)}`);
  }
  t.diagnostic(`${alike} of ${2 * COMMANDS.length} alike`);
  writeFileSync("/tmp/s2-report.json", JSON.stringify(report, null, 1));
  assert.ok(alike > 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { clientOptions, startGateway } from "../../gateway/harness.ts";
import { ask } from "./ask.ts";
import { COMMANDS } from "./commands.ts";
import { differences, wordsFound, type Found } from "./compare.ts";
import { KNOWN, KNOWN_WORDS } from "./known.ts";
import { startPlainMachine } from "./plain-machine.ts";

const PASSWORD = "qwe123";
const USER = "deploy";
const HOSTNAME = "srv01";
/** Share of the answers that may differ without a reason that we know: kernels and engines are many. */
const UNKNOWN_SHARE = 0.03;

test("a sandbox answers as a plain machine of the same packages", async (t) => {
  await using held = new AsyncDisposableStack();
  const gateway = held.use(await startGateway());
  const plain = held.use(await startPlainMachine(HOSTNAME, USER, PASSWORD));
  const unknown: string[] = [];
  const words: Found[] = [];
  let alike = 0;
  // The user first: in the sandbox the account is made by the login.
  for (const user of [USER, "root"]) {
    const session = [...clientOptions({ password: PASSWORD }), "-T", `${user}@127.0.0.1`, "bash"];
    const [ours, its] = await Promise.all([
      ask(["sshpass", "-e", "ssh", "-p", String(gateway.port), ...session], PASSWORD, COMMANDS),
      ask([...plain.enter, "sshpass", "-e", "ssh", ...session], PASSWORD, COMMANDS),
    ]);
    const differing = differences(COMMANDS, its, ours);
    alike += COMMANDS.length - differing.length;
    words.push(...wordsFound(COMMANDS, ours));
    t.diagnostic(`${user}: ${COMMANDS.length - differing.length} of ${COMMANDS.length} alike`);
    for (const { command, plain: p, sandbox: s } of differing) {
      const known = KNOWN.find(({ commands }) => commands.test(command));
      const [first, second] = [p, s].map(({ text, code }) => `${code} ${JSON.stringify(text.slice(0, 160))}`);
      if (!known) unknown.push(`${user}: ${command}: ${first ?? ""} and ${second ?? ""}`);
      if (process.env["MITSUBAKO_SHOW_DIFFERENCES"] === "1" || !known)
        t.diagnostic(`${user}: ${command}\n    plain   ${first ?? ""}\n    sandbox ${second ?? ""}`);
    }
  }
  t.diagnostic(`${alike} of ${2 * COMMANDS.length} alike`);
  const said = words.filter(
    ({ command, word }) =>
      !KNOWN_WORDS.some((known) => known.word.test(word) && known.commands.test(command)),
  );
  t.diagnostic(`${words.length} times a word that gives it away, ${said.length} where that is not known`);
  assert.deepEqual(said, []);
  assert.ok(
    unknown.length <= UNKNOWN_SHARE * 2 * COMMANDS.length,
    `too much differs for no known reason:\n${unknown.join("\n")}`,
  );
});

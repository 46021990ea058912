import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { statusCommand } from "../../gateway/commands/status.ts";
import type { PolicyNews } from "../../gateway/model/archivist-messages.ts";
import { STATUS_EVERY, STATUS_FILE, type GatewayStatus } from "../../gateway/model/gateway-status.ts";
import { NOTHING_KNOWN } from "../../gateway/policy/address-files.ts";
import { Status } from "../../gateway/warden/status.ts";
import { policyOf } from "../policy/policy-of.ts";

test("what an operator is told of a gateway follows what happens, and says how old it is", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "mitsubako-status-"));
  t.after(() => rm(data, { recursive: true }));
  let sources = 0;
  let profiles = {};
  let shut: GatewayStatus["shut"] = undefined;
  const news: PolicyNews[] = [];
  const policy = (most: number, hash: string) => ({
    addresses: NOTHING_KNOWN,
    ...{
      policy: policyOf(`sandbox: {most: ${most}, spares: 0}`),
      path: "p.yaml",
      bases: [],
      files: [],
      hash,
    },
  });
  using status = new Status(
    {
      data,
      facts: () => ({
        ...{ slot: 3, listening: [], sessions: 0 },
        ...(shut === undefined ? {} : { shut }),
        sandboxes: { all: sources, spares: 0, sources, profiles },
      }),
      onNews: (one) => news.push(one),
      log: pino({ level: "silent" }),
    },
    policy(5, "a".repeat(64)),
  );
  const written = async () => JSON.parse(await readFile(join(data, STATUS_FILE), "utf8")) as GatewayStatus;
  const shown = async (later: number) => {
    let text = "";
    const output = {
      stdout: { write: (more: string) => (text += more) },
      stderr: { write: (more: string) => assert.fail(more) },
      now: () => Date.now() + later,
    };
    return { code: await statusCommand({ data }, output), text };
  };

  sources = 2;
  const began = performance.now();
  while ((await written()).sandboxes.sources !== 2) {
    assert.ok(performance.now() - began < STATUS_EVERY - 2000, "only the next regular writing told it");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  status.refused('p.yaml:3:4: sandbox.most has to be a whole number; found "x"\u001b[2J');
  const refused = await shown(30_000);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /as it said \d+ s ago/);
  assert.match(refused.text, /REFUSED .*\n +p\.yaml:3:4: sandbox\.most has to be a whole number/);
  assert.ok(!refused.text.includes("\u001b"));
  assert.match(refused.text, /a{64}[^]*2 sources with one[^]*of 5\n/);

  assert.ok(!refused.text.includes("by profile"));

  [sources, profiles] = [9, { night: 4, __proto__x: 2, "a\u001b[2J": 1 }];
  status.changed(policy(6, "b".repeat(64)), ["sandbox.most: 5 → 6 (at once)"]);
  const changed = await shown(0);
  assert.deepEqual([changed.code, changed.text.includes("REFUSED")], [0, false]);
  assert.match(changed.text, /b{64}[^]*of 6\n +by profile: night 4, __proto__x 2, a.*1, without one 2\n/);
  assert.ok(!changed.text.includes("\u001b"));
  shut = { at: new Date().toISOString(), message: "nft: no\u001b[2J" };
  status.changed(policy(6, "c".repeat(64)), []);
  const noWayOut = await shown(0);
  assert.equal(noWayOut.code, 1);
  assert.match(noWayOut.text, /c{64}[^]*\nSHUT .*nothing is let out:\n +nft: no/);
  assert.ok(!noWayOut.text.includes("\u001b"));
  assert.deepEqual(
    news.map(({ outcome }) => outcome),
    ["refused", "changed", "changed"],
  );
});

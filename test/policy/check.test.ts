import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import {
  checkAsJson,
  checkPolicies,
  policySchemaAsJson,
  renderCheck,
} from "../../gateway/policy/check-command.ts";
import type { Check } from "../../gateway/policy/check-command.ts";
import { nearest } from "../../gateway/policy/nearest.ts";
import { showDuration, showSize } from "../../gateway/policy/units.ts";

/** Nothing to warn of. */
const HARMLESS = "auth: {root: refuse}\n";

async function filesFor(t: TestContext, contents: Record<string, string>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-check-"));
  t.after(() => rm(folder, { recursive: true }));
  return Promise.all(
    Object.entries(contents).map(async ([name, content]) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    }),
  );
}

describe("policy check", () => {
  test("valid files on stdout, problems with places on stderr, exit code 1", async (t) => {
    const [good = "", bad = ""] = await filesFor(t, {
      "good.yaml": HARMLESS,
      "bad.yaml": "sandbx: 1\nauht: 1\n",
    });
    const check = await checkPolicies([good, bad]);
    assert.equal(check.ok, false);
    assert.equal(check.exitCode, 1);
    const { stdout, stderr } = renderCheck(check);
    assert.equal(stdout, `${good}: valid\n`);
    const lines = stderr.trimEnd().split("\n");
    assert.equal(lines.length, 2);
    assert.ok(lines[0]?.startsWith(`${bad}:1:1: "sandbx" is not a key of a policy; did you mean "sandbox"?`));
    assert.ok(lines[1]?.startsWith(`${bad}:2:1: "auht"`));
  });

  test("an unreadable file is the call's fault: exit code 2, one sentence", async (t) => {
    const [good = ""] = await filesFor(t, { "good.yaml": HARMLESS });
    const check = await checkPolicies([good, `${good}.absent`]);
    assert.equal(check.exitCode, 2);
    assert.match(
      renderCheck(check).stderr,
      /^The policy .*\.absent cannot be read: ENOENT.*\. Give the path of a policy file .*\n$/,
    );
  });

  test("as JSON: what a program needs of each problem", async (t) => {
    const [bad = ""] = await filesFor(t, { "bad.yaml": "sandbox:\n  lief: 1h\n" });
    const { ok, files } = JSON.parse(checkAsJson(await checkPolicies([bad]))) as Check;
    assert.equal(ok, false);
    const problem = files[0]?.problems[0];
    assert.deepEqual(
      { ...problem, expected: problem?.expected?.slice(0, 10), message: problem?.message.slice(0, 20) },
      {
        file: bad,
        line: 2,
        column: 3,
        path: "sandbox.lief",
        found: "lief",
        nearest: "life",
        expected: "mode, most",
        message: '"lief" is not a key ',
      },
    );
  });

  test("the JSON Schema is for what a file holds, not for what it becomes", () => {
    const schema = JSON.parse(policySchemaAsJson()) as {
      additionalProperties: boolean;
      properties: Record<string, { properties: Record<string, { type: unknown; default: unknown }> }>;
    };
    assert.equal(schema.additionalProperties, false);
    assert.equal(schema.properties["sandbox"]?.properties["idle"]?.type, "string");
    assert.equal(schema.properties["sandbox"].properties["idle"].default, "1h");
  });
});

test("the nearest key, or none when nothing is near", () => {
  const keys = ["memory", "idle", "life", "connectionsPerSource", "cpuset"];
  const cases: [string, string | undefined][] = [
    ["memroy", "memory"],
    ["Memory", "memory"],
    ["connections_per_source", "connectionsPerSource"],
    ["lfie", "life"],
    ["cpu-set", "cpuset"],
    ["bandwidth", undefined],
    ["x", undefined],
    ["", undefined],
  ];
  for (const [word, expected] of cases) assert.equal(nearest(word, keys), expected, word);
  assert.equal(nearest("x".repeat(100_000), keys), undefined);
});

test("units are printed in the largest unit that says them exactly", () => {
  assert.deepEqual([0, 1, 1500, 90_000, 5_400_000, 3_600_000, 86_400_000].map(showDuration), [
    "0s",
    "1ms",
    "1500ms",
    "90s",
    "90m",
    "1h",
    "1d",
  ]);
  assert.deepEqual([0, 1, 1024, 1000, 5_242_880, 1_310_720, 1e10, 2 ** 40].map(showSize), [
    "0",
    "1",
    "1 KiB",
    "1 kB",
    "5 MiB",
    "1280 KiB",
    "10 GB",
    "1 TiB",
  ]);
});

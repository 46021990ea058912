/** Files of any kind, saved over the policy in force: taken over whole, or refused with a place, and then nothing of them holds. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadPolicy, parsePolicy } from "../../gateway/policy/load.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";
import { policyJsonSchema } from "../../gateway/policy/schema.ts";
import { PolicyWatch } from "../../gateway/policy/watch.ts";
import { Random } from "./random.ts";

const WRONG: readonly [unknown, ...unknown[]] = [
  null,
  true,
  0,
  -1,
  1e308,
  "x",
  "",
  [],
  {},
  [[]],
  { a: 1 },
  "\0",
  "*",
  [null],
  "2026-11-29",
];

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
}

/** Every key of a policy that stands in sections alone. */
function pathsBelow({ properties = {} }: Node): string[][] {
  return Object.entries(properties).flatMap(([key, below]) => [
    [key],
    ...pathsBelow(below).map((path) => [key, ...path]),
  ]);
}

const PATHS = pathsBelow(policyJsonSchema) as [string[], ...string[][]];

/** One key with a value of any type. */
function wrong(random: Random): string {
  const value = random.pick(WRONG);
  const nested = random
    .pick(PATHS)
    .reduceRight<string>((inner, key) => `{${key}: ${inner}}`, JSON.stringify(value));
  return `sensor: half\n${nested.slice(1, -1)}\n`;
}

function monster(random: Random): Buffer | string {
  switch (random.below(7)) {
    case 0:
      return wrong(random);
    case 1:
      return random.bytes(random.below(4000));
    case 2:
      return `sensor: half\nauth: &a {root: refuse}\nsandbox: *a\nlimits: {<<: *a, channels: 3}\n`;
    case 3:
      return `sensor: half\n${Array.from({ length: 7 }, (_, level) => `k${level}: &k${level} [${`*k${level - 1},`.repeat(level === 0 ? 0 : 7)}]\n`).join("")}`;
    case 4:
      return `auth: {maxTries: ${random.below(50) + 1}}\n# ${random.next()}\n`;
    case 5:
      return `sensor: half\n${random.pick(["[", "{a: ", "? ", "- "]).repeat(100)}`;
    default:
      return `sensor: half\nextends: ${random.pick(["p.yaml", "/dev/zero", "/proc/self/mem", "..", "gone.yaml", "[]"])}\n`;
  }
}

async function watched(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-watch-fuzz-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "p.yaml");
  await writeFile(path, "sensor: good\nauth: {maxTries: 3}\n");
  const watch = await PolicyWatch.start(await loadPolicy(path), { onUpdate: () => undefined });
  t.after(() => watch[Symbol.asyncDispose]());
  return { path, watch };
}

test("what was refused leaves nothing behind, what was taken over is the file's", async (t) => {
  const { path, watch } = await watched(t);
  const outcomes = { changed: 0, refused: 0, same: 0 };
  for (let seed = 0; seed < 50; seed++) {
    const bytes = Buffer.from(monster(new Random(seed)));
    const before = watch.loaded;
    // At once: this process may be stopped for so long that a file which is being written looks like one that was left so.
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
    const { outcome, loaded, ...rest } = await watch.reload();
    outcomes[outcome]++;
    if (outcome === "refused") {
      assert.equal(watch.loaded, before, `seed ${seed}`);
      assert.ok("error" in rest && rest.error instanceof PolicyError, `seed ${seed}`);
      assert.ok(rest.error.problems.every(({ line, column }) => line >= 1 && column >= 1));
    } else {
      const whole = parsePolicy(bytes, path);
      assert.ok("loaded" in whole, `seed ${seed}`);
      assert.deepEqual(loaded.policy, whole.loaded.policy, `seed ${seed}`);
    }
  }
  assert.ok(outcomes.refused > 25 && outcomes.changed > 3, JSON.stringify(outcomes));
  await writeFile(path, "sensor: good\nauth: {maxTries: 3}\n");
  assert.equal((await watch.reload()).loaded.policy.auth.maxTries, 3);
});

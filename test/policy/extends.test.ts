import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { loadPlaced, loadPolicy, parsePolicy } from "../../gateway/policy/load.ts";
import { resolvedValues } from "../../gateway/policy/explain.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";
import { PolicyWatch } from "../../gateway/policy/watch.ts";
import type { PolicyUpdate } from "../../gateway/policy/watch.ts";
import { Random } from "./random.ts";

async function folderOf(t: TestContext, contents: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-extends-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

async function problemsOf(path: string): Promise<string[]> {
  const error = await loadPolicy(path).then(
    () => assert.fail("it was taken"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof PolicyError, String(error));
  return error.problems.map(
    ({ file, line, column, message }) => `${basename(file)}:${line}:${column} ${message}`,
  );
}

describe("a policy that extends another", () => {
  test("sections are merged key by key, lists and values replaced, empty sections take nothing away", async (t) => {
    const folder = await folderOf(t, {
      "base/base.yaml":
        "sensor: base\nauth:\n  root: refuse\n  rules:\n    - {user: a, verdict: accept}\n    - {user: b, verdict: reject}\nnetwork:\n  caps: {up: 1m, down: 2m}\nsandbox: {pids: 64}\n",
      "mine.yaml":
        "extends: base/base.yaml\nauth:\n  rules: [{user: c, verdict: accept}]\nnetwork:\n  caps: {up: 3m}\nsandbox:\n",
    });
    const { loaded, document } = await loadPlaced(join(folder, "mine.yaml"));
    const { policy } = loaded;
    assert.deepEqual([policy.sensor, policy.auth.root, policy.sandbox.pids], ["base", "refuse", 64]);
    assert.deepEqual(policy.auth.rules, [{ user: "c", verdict: "accept", afterAttempts: 1 }]);
    assert.deepEqual([policy.network.caps.up, policy.network.caps.down], [3 * 2 ** 20, 2 * 2 ** 20]);
    assert.ok(!("extends" in policy) && Object.isFrozen(policy));
    assert.deepEqual(loaded.bases, [join(folder, "base/base.yaml")]);

    const at = (...path: (string | number)[]) => {
      const { file, line } = document.place(path);
      return `${basename(file)}:${line}`;
    };
    assert.equal(at("sensor"), "base.yaml:1");
    assert.equal(at("auth", "root"), "base.yaml:3");
    assert.equal(at("auth", "rules", 0, "user"), "mine.yaml:3");
    // The second rule of the base is hidden by the list above it, and so is what the first one had.
    assert.equal(document.kind(["auth", "rules", 1]), undefined);
    assert.equal(at("auth", "rules", 1, "user"), "mine.yaml:3");
    assert.equal(at("network", "caps", "up"), "mine.yaml:5");
    assert.equal(at("network", "caps", "down"), "base.yaml:8");
    assert.equal(at("sandbox", "pids"), "base.yaml:9");
    assert.equal(document.kind(["sandbox", "memory"]), undefined);
  });

  test("the hash changes with any of the files", async (t) => {
    const folder = await folderOf(t, { "a.yaml": "extends: b.yaml\n", "b.yaml": "sensor: x\n" });
    const sha = (text: string) => createHash("sha256").update(text).digest("hex");
    const first = (await loadPolicy(join(folder, "a.yaml"))).hash;
    assert.equal(first, sha(`${sha("extends: b.yaml\n")}\n${sha("sensor: x\n")}\n`));
    await writeFile(join(folder, "b.yaml"), "sensor: x \n");
    assert.notEqual((await loadPolicy(join(folder, "a.yaml"))).hash, first);
  });

  test("every mistake of the chain at once, each with its own file and line", async (t) => {
    const folder = await folderOf(t, {
      "a.yaml": "extends: b.yaml\nsandbox:\n  pids: 1\n  most: 1\n",
      "b.yaml": "# base\nextends: c.yaml\nsandbox:\n  memroy: 1g\n",
      "c.yaml": "sandbox: {spares: 3}\nauth: {root: maybe}\n",
    });
    const told = await problemsOf(join(folder, "a.yaml"));
    assert.deepEqual(
      told.map((line) => line.split(" ", 2).join(" ")),
      [
        "a.yaml:3:9 sandbox.pids",
        'b.yaml:4:3 "memroy"',
        "c.yaml:1:19 sandbox.spares",
        "c.yaml:2:14 auth.root",
      ],
    );
    assert.match(told[2] ?? "", /only 1 sandboxes may exist/);
  });

  test("a key that the base has twice, or broken YAML in it, is told of the base", async (t) => {
    const folder = await folderOf(t, {
      "a.yaml": "extends: b.yaml\n",
      "b.yaml": "sensor: a\nsensor: b\n",
      "c.yaml": "extends: d.yaml\n",
      "d.yaml": "sensor: 'a\n",
    });
    assert.match((await problemsOf(join(folder, "a.yaml")))[0] ?? "", /^b\.yaml:2:1 sensor is given twice/);
    assert.match((await problemsOf(join(folder, "c.yaml")))[0] ?? "", /^d\.yaml:\d+:\d+ .*quote/);
  });

  test("a base that is not there, is itself, is no text or is no path", async (t) => {
    const folder = await folderOf(t, {
      "absent.yaml": "sensor: x\nextends: nowhere.yaml\nsandbx: 1\n",
      "circle.yaml": "extends: back.yaml\n",
      "back.yaml": "extends: ./circle.yaml\n",
      "number.yaml": "extends: 5\n",
      "misspelt.yaml": "extends: nubmer.yaml\n",
      "nul.yaml": 'extends: "a\\0b"\n',
      "list.yaml": "extends: [a.yaml, b.yaml]\n",
      "nothing.yaml": "extends:\n",
      "folder.yaml": "extends: .\n",
      ...Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [`deep${i}.yaml`, `extends: deep${i + 1}.yaml\n`]),
      ),
      "deep9.yaml": "",
    });
    const first = async (name: string) => (await problemsOf(join(folder, name)))[0] ?? "";
    const absent = await problemsOf(join(folder, "absent.yaml"));
    assert.match(
      absent[0] ?? "",
      /^absent\.yaml:2:10 extends names "nowhere\.yaml", which cannot be read: ENOENT.*\. Write where the file is/,
    );
    assert.match(
      await first("misspelt.yaml"),
      /cannot be read: .*\. Did you mean "number\.yaml"\? Write where/,
    );
    assert.match(absent[1] ?? "", /^absent\.yaml:3:1 "sandbx"/);
    assert.match(await first("circle.yaml"), /^back\.yaml:1:10 .* would never end\. Remove one `extends`/);
    for (const name of ["number", "nul", "list", "nothing"]) {
      assert.match(
        await first(`${name}.yaml`),
        /:1:\d+ extends has to be the path of another policy file/,
        name,
      );
    }
    assert.match(await first("folder.yaml"), /:1:10 .*cannot be read: it is not a file\. Write where/);
    assert.match(await first("deep0.yaml"), /^deep7\.yaml:1:10 .*8 files is the most\. Put two/);
    const alone = parsePolicy(Buffer.from("extends: a.yaml\n"), "x.yaml");
    assert.ok("problems" in alone && alone.problems.length === 1);
  });

  test(
    "a save of the base is taken over like one of the file itself, also of a base that came later",
    { timeout: 120_000 },
    async (t) => {
      const folder = await folderOf(t, { "a.yaml": "sensor: none\n", "other/b.yaml": "sensor: one\n" });
      const path = join(folder, "a.yaml");
      const waiting: ((update: PolicyUpdate) => void)[] = [];
      const watch = await PolicyWatch.start(await loadPolicy(path), {
        settle: 40,
        onUpdate: (update) => waiting.shift()?.(update),
      });
      t.after(() => watch[Symbol.asyncDispose]());
      // Never half there, however long a busy machine lets a writer wait.
      const save = async (file: string, text: string) => {
        await writeFile(`${file}.saved`, text);
        await rename(`${file}.saved`, file);
      };
      const next = () => new Promise<PolicyUpdate>((resolve) => waiting.push(resolve));
      const extended = next();
      await save(path, "extends: other/b.yaml\n");
      assert.equal((await extended).loaded.policy.sensor, "one");
      const saved = next();
      await save(join(folder, "other/b.yaml"), "sensor: two\n");
      assert.equal((await saved).loaded.policy.sensor, "two");
      const refused = next();
      await save(join(folder, "other/b.yaml"), "sensor: [\n");
      assert.equal((await refused).outcome, "refused");
      assert.equal(watch.loaded.policy.sensor, "two");
    },
  );

  test(
    "whatever the files hold, the chain loads or is refused with places in them",
    { timeout: 120_000 },
    async (t) => {
      const folder = await folderOf(t, {});
      const [path, base] = [join(folder, "a.yaml"), join(folder, "b.yaml")];
      const outcomes = { loaded: 0, refused: 0 };
      for (let seed = 0; seed < 400; seed++) {
        const random = new Random(seed);
        const text = () => Array.from({ length: random.below(3) }, () => random.pick(LINES)).join("");
        await writeFile(path, `${text()}extends: b.yaml\n${text()}`);
        await writeFile(base, random.next() < 0.1 ? random.bytes(40) : text());
        try {
          const placed = await loadPlaced(path);
          for (const { at } of resolvedValues(placed))
            assert.ok(at === undefined || [path, base].includes(at.file));
          outcomes.loaded++;
        } catch (error) {
          assert.ok(error instanceof PolicyError, `seed ${seed}: ${String(error)}`);
          for (const { file, line, column } of error.problems)
            assert.ok([path, base].includes(file) && line >= 1 && column >= 1, `seed ${seed}`);
          outcomes.refused++;
        }
      }
      assert.ok(outcomes.loaded > 20 && outcomes.refused > 20, JSON.stringify(outcomes));
    },
  );
});

const LINES = [
  "sensor: a\n",
  "sandbox: {pids: 64}\n",
  "sandbox:\n  pids: 65\n",
  "sandbox: [1]\n",
  "sandbox:\n",
  "auth: {rules: [{verdict: accept}]}\n",
  "auth: {root: refuse}\n",
  "auth: 5\n",
  "network: {caps: {up: 1m}}\n",
  "network: &a {caps: *a}\n",
  "listen: [0.0.0.0:22]\n",
  "extends: b.yaml\n",
  "__proto__: {sensor: x}\n",
  "<<: {sensor: x}\n",
  "# nothing\n",
  "?\n",
  "- x\n",
  "\u0000",
] as const;

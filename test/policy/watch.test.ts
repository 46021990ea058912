import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { showChange } from "../../gateway/policy/changes.ts";
import { loadPolicy } from "../../gateway/policy/load.ts";
import { PolicyWatch } from "../../gateway/policy/watch.ts";
import type { PolicyUpdate } from "../../gateway/policy/watch.ts";

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-watch-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/**
 * A watch on a file with this content, and what it tells, one at a time.
 * @param settle milliseconds. A file that is written in place is half there for as long as a busy machine lets its writer wait.
 */
async function watched(t: TestContext, path: string, content: string, settle = 40) {
  await writeFile(path, content);
  const updates: PolicyUpdate[] = [];
  const waiting: ((update: PolicyUpdate) => void)[] = [];
  const watch = await PolicyWatch.start(await loadPolicy(path), {
    settle,
    onUpdate: (update) => {
      const next = waiting.shift();
      if (next === undefined) updates.push(update);
      else next(update);
    },
  });
  t.after(() => watch[Symbol.asyncDispose]());
  const next = (): Promise<PolicyUpdate> => {
    const update = updates.shift();
    return update === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(update);
  };
  return { watch, next, updates };
}

const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** As editors do it: never half there. */
async function save(path: string, content: string): Promise<void> {
  await writeFile(`${path}.saved`, content);
  await rename(`${path}.saved`, path);
}

describe("a policy that is changed while it is in force", { timeout: 120_000 }, () => {
  test("what the gateway turned down is not in force, and is tried again only when it is saved or asked for", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, next, updates } = await watched(t, path, "sensor: one\n");
    const before = watch.loaded;
    const turnDown = (update: PolicyUpdate) => {
      assert.equal(update.outcome, "changed");
      watch.turnDown(update.loaded, before, new MitsubakoError("image-missing", "No such image."));
      assert.equal(watch.loaded, before);
    };
    await save(path, "sensor: two\n");
    turnDown(await next());

    // Something else happens in the folder: what is read then is known.
    await writeFile(join(path, "../other"), "");
    await writeFile(join(path, "../other.yaml"), "");
    const again = await watch.reload();
    turnDown(again);
    await save(path, "sensor: two\n");
    const saved = await next();
    turnDown(saved);
    assert.ok(saved.outcome === "changed");
    assert.deepEqual(saved.changes.map(showChange), ['sensor: "one" → "two"']);

    await save(path, "sensor: one\n");
    const restored = await next();
    assert.deepEqual([restored.outcome, restored.loaded], ["same", before]);
    assert.deepEqual(updates, []);
  });

  test("what was turned down late says nothing of what was read since", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, next } = await watched(t, path, "sensor: one\n");
    const before = watch.loaded;
    await save(path, "sensor: two\n");
    const two = await next();
    await save(path, "sensor: three\n");
    const three = await next();
    watch.turnDown(two.loaded, before, new MitsubakoError("image-missing", "No such image."));
    assert.equal(watch.loaded, three.loaded);
  });

  test("a save in place, and one by rename as editors do it", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, next } = await watched(t, path, "sandbox: {idle: 1h}\n", 1000);
    await writeFile(
      path,
      "sandbox: {idle: 2h}\nauth: {root: refuse, rules: [{user: root, verdict: reject}]}\n",
    );
    const first = await next();
    assert.equal(first.outcome, "changed");
    assert.deepEqual(first.changes.map(showChange), [
      'auth.root: "allow" → "refuse"',
      'auth.rules[0]: (none) → {"user":"root","verdict":"reject","afterAttempts":1}',
      'sandbox.idle: "1h" → "2h"',
    ]);
    await writeFile(`${path}.new`, "sandbox: {idle: 3h}\n");
    await rename(`${path}.new`, path);
    const second = await next();
    assert.equal(second.loaded.policy.sandbox.idle, 3 * 3_600_000);
    assert.equal(watch.loaded, second.loaded);
  });

  test("a bad file is refused once with its places, the good one stays, and a correction is told", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, next, updates } = await watched(t, path, "sensor: good\n");
    await save(path, "sensor: good\nsandbx: 1\n");
    const refused = await next();
    assert.equal(refused.outcome, "refused");
    assert.match(refused.error.message, /p\.yaml:2:1: "sandbx" is not a key/);
    assert.equal(watch.loaded.policy.sensor, "good");
    await save(path, "sensor: good\nsandbx: 1 \n");
    await later(300);
    assert.deepEqual(updates, []);
    await rm(path);
    const gone = await next();
    assert.ok(gone.outcome === "refused" && gone.error.code === "policy-unreadable");
    assert.equal(watch.loaded.policy.sensor, "good");
    await save(path, "sensor: good\n");
    assert.equal((await next()).outcome, "same");
    await save(path, "sensor: better\n");
    assert.equal((await next()).loaded.policy.sensor, "better");
  });

  test("a file written in steps is read when it is whole", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { next, updates } = await watched(t, path, "sensor: a\n", 2000);
    for (const text of ["", "sensor: ", "sensor: b\nauth:\n  ro", "sensor: b\nauth:\n  root: refuse\n"]) {
      await writeFile(path, text);
      await later(15);
    }
    const update = await next();
    assert.equal(update.outcome, "changed");
    assert.equal(update.loaded.policy.auth.root, "refuse");
    assert.deepEqual(updates, []);
  });

  test("a link that is turned to another file", async (t) => {
    const folder = await folderFor(t);
    await mkdir(join(folder, "one"));
    await save(join(folder, "one", "p.yaml"), "sensor: one\n");
    await save(join(folder, "two.yaml"), "sensor: two\n");
    const path = join(folder, "p.yaml");
    await symlink("one/p.yaml", path);
    const { next } = await watched(t, path, "sensor: one\n");
    await save(join(folder, "one", "p.yaml"), "sensor: changed\n");
    assert.equal((await next()).loaded.policy.sensor, "changed");
    await symlink("two.yaml", `${path}.new`);
    await rename(`${path}.new`, path);
    assert.equal((await next()).loaded.policy.sensor, "two");
  });

  test("the base of a refused file is watched: one that was missing, and one in a folder that is made later", async (t) => {
    const folder = await folderFor(t);
    const path = join(folder, "p.yaml");
    const { watch, next } = await watched(t, path, "sensor: a\n");
    await save(path, "extends: below/deep/base.yaml\nsensor: b\n");
    assert.equal((await next()).outcome, "refused");
    await mkdir(join(folder, "below", "deep"), { recursive: true });
    await save(join(folder, "below", "deep", "base.yaml"), "sandbx: 1\n");
    const worse = await next();
    assert.ok(worse.outcome === "refused" && worse.error.message.includes('base.yaml:1:1: "sandbx"'));
    await save(join(folder, "below", "deep", "base.yaml"), "sandbox: {most: 7}\n");
    const mended = await next();
    assert.equal(mended.outcome, "changed");
    assert.deepEqual([mended.loaded.policy.sensor, mended.loaded.policy.sandbox.most], ["b", 7]);
    // The folder goes and another one comes in its place.
    await mkdir(join(folder, "other"));
    await save(join(folder, "other", "base.yaml"), "sandbox: {most: 8}\n");
    await rename(join(folder, "below", "deep"), join(folder, "below", "gone"));
    assert.equal((await next()).outcome, "refused");
    await rename(join(folder, "other"), join(folder, "below", "deep"));
    const replaced = await next();
    assert.deepEqual([replaced.outcome, replaced.loaded.policy.sandbox.most], ["changed", 8]);
    await save(join(folder, "below", "deep", "base.yaml"), "sandbox: {most: 9}\n");
    assert.equal((await next()).loaded.policy.sandbox.most, 9);
    assert.equal(watch.loaded.policy.sandbox.most, 9);
  });

  test("what reload refused is told to be right when it is saved as it was", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, next, updates } = await watched(t, path, "sensor: a\n");
    await save(path, "sensr: a\n");
    assert.equal((await watch.reload()).outcome, "refused");
    await later(300);
    assert.deepEqual(updates, [], "the caller of reload was told");
    await save(path, "sensor: a\n");
    assert.equal((await next()).outcome, "same");
  });

  test("reload answers at once, one call after another; nothing is told after the end", async (t) => {
    const path = join(await folderFor(t), "p.yaml");
    const { watch, updates } = await watched(t, path, "sensor: a\n");
    assert.equal((await watch.reload()).outcome, "same");
    await save(path, "sensor: b\n");
    const outcomes = await Promise.all([watch.reload(), watch.reload()]);
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ["changed", "same"],
    );
    await watch[Symbol.asyncDispose]();
    await save(path, "sensor: c\n");
    await later(200);
    assert.deepEqual(updates, []);
    assert.equal(watch.loaded.policy.sensor, "b");
  });
});

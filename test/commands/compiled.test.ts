import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

const MODULE = join(import.meta.dirname, "../../gateway/commands/compiled.ts");

/** A code's root with packages, and whether what is compiled is kept there, by a process of its own. */
function rootOf(t: TestContext): {
  readonly root: string;
  readonly packages: string;
  readonly keeps: () => boolean;
} {
  assert.equal(process.getuid?.(), 0, "this test gives folders to another user, which needs root");
  const root = mkdtempSync(join(tmpdir(), "mitsubako-test-compiled-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const packages = join(root, "node_modules");
  mkdirSync(packages);
  const program = `import { keepCompiled } from ${JSON.stringify(MODULE)};
    console.log(keepCompiled(${JSON.stringify(root)}));
    await import(${JSON.stringify(join(import.meta.dirname, "../../gateway/model/ids.ts"))});`;
  const keeps = () => execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }) === "true\n"; // prettier-ignore
  return { root, packages, keeps };
}

test("what was compiled is kept beside the packages", (t) => {
  const { packages, keeps } = rootOf(t);
  assert.ok(keeps());
  const kept = join(packages, ".cache", "mitsubako");
  const [version = ""] = readdirSync(kept);
  assert.ok(readdirSync(join(kept, version)).length > 0);
});

test("nothing is kept, nor used, where somebody else could have put it", (t) => {
  const { root, packages, keeps } = rootOf(t);
  const cache = join(packages, ".cache");
  chmodSync(packages, 0o777);
  assert.equal(keeps(), false);
  assert.equal(existsSync(cache), false);
  chmodSync(packages, 0o755);
  mkdirSync(cache);
  for (const mode of [0o775, 0o757]) {
    chmodSync(cache, mode);
    assert.equal(keeps(), false, mode.toString(8));
  }
  chmodSync(cache, 0o755);
  mkdirSync(join(cache, "mitsubako"));
  chownSync(join(cache, "mitsubako"), 1000, 0);
  assert.equal(keeps(), false);
  rmSync(join(cache, "mitsubako"), { recursive: true });
  mkdirSync(join(root, "elsewhere"));
  symlinkSync(join(root, "elsewhere"), join(cache, "mitsubako"));
  assert.equal(keeps(), false);
  assert.deepEqual(readdirSync(join(root, "elsewhere")), []);
});

test("without packages, nothing is kept, and nothing fails", (t) => {
  const { packages, keeps } = rootOf(t);
  rmSync(packages, { recursive: true });
  assert.equal(keeps(), false);
});

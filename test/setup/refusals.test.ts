import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const folders: string[] = [];

/** A folder that others may enter, with as much of a checkout as set-up looks at. */
function checkoutCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-setup-"));
  folders.push(folder);
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "gateway"));
  cpSync(join(CHECKOUT, "gateway/setup"), join(folder, "gateway/setup"), { recursive: true });
  cpSync(join(CHECKOUT, "gateway/mitsubako"), join(folder, "gateway/mitsubako"));
  writeFileSync(join(folder, "package.json"), "{}\n");
  return folder;
}

function run(program: string, args: readonly string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { code: status, output: stdout + stderr };
}

describe("set-up refuses", () => {
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("to run without root's rights", () => {
    const script = join(checkoutCopy(), "gateway/setup/run.sh");
    const ended = run("setpriv", [
      "--reuid",
      "65534",
      "--regid",
      "65534",
      "--clear-groups",
      "sh",
      script,
      "serve",
    ]);
    assert.deepEqual(ended, {
      code: 2,
      output:
        "mitsubako: Root's rights are needed for Docker Engine and netfilter. Run it again with sudo: sudo npm start.\n",
    });
  });

  it("a purpose that it does not have", () => {
    const ended = run("sh", [join(CHECKOUT, "gateway/setup/run.sh"), "dance"]);
    assert.equal(ended.code, 2);
    assert.match(ended.output, /^mitsubako: run\.sh takes .*"dance"\.\n$/);
  });

  it("a checkout that the unprivileged processes cannot read, and names the remedy", () => {
    const folder = checkoutCopy();
    const secret = join(folder, "gateway/setup/engine.sh");
    const check = `root=${folder}; fail() { echo "$*"; exit 2; }; cd ${folder}; . gateway/setup/machine.sh; require_readable_code`;
    // What commands keep for themselves may be theirs alone.
    const kept = join(folder, "node_modules/.cache/mitsubako");
    mkdirSync(join(kept, ".."), { recursive: true });
    mkdirSync(kept, { mode: 0o700 });
    assert.deepEqual(run("sh", ["-euc", check]), { code: 0, output: "" });
    chmodSync(secret, 0o640);
    const ended = run("sh", ["-euc", check]);
    assert.equal(ended.code, 2);
    assert.match(
      ended.output,
      new RegExp(`^Other users cannot read ${secret}, .* Run: chmod -R o\\+rX '${folder}'\n$`),
    );
  });
});

describe("the launcher", () => {
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("finds its checkout through links", () => {
    const folder = checkoutCopy();
    symlinkSync(join(CHECKOUT, "gateway/mitsubako"), join(folder, "one"));
    symlinkSync("one", join(folder, "two"));
    const { code, output } = run(join(folder, "two"), ["--help"]);
    assert.equal(code, 0, output);
    assert.match(output, /^Usage: mitsubako /);
  });

  it("says what to do where the packages are missing", () => {
    const folder = checkoutCopy();
    const { code, output } = run(join(folder, "gateway/mitsubako"), ["--help"]);
    assert.equal(code, 2);
    assert.match(
      output,
      /^mitsubako: The packages in .* are not installed yet\. Run: cd .* && sudo npm start\n$/,
    );
  });
});

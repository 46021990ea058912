import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { LONGEST_PASSWORD, isPassword, isUserName } from "../../gateway/model/user-name.ts";

const run = promisify(execFile);

test("every name that we accept is one that the distribution's useradd makes (needs root)", async (t) => {
  const names = ["admin", "Admin", "a.b", "1abc", "0x1", "_x", "x_", "a-", "pi$", "x".repeat(32)];
  assert.deepEqual(
    names.filter((name) => !isUserName(name)),
    [],
  );
  assert.equal(process.getuid?.(), 0, "useradd needs root");
  const root = await mkdtemp(join(tmpdir(), "mitsubako-useradd-"));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, "etc", "default"), { recursive: true });
  for (const name of ["passwd", "shadow", "group", "gshadow", "subuid", "subgid", "login.defs"]) {
    await writeFile(join(root, "etc", name), "");
  }
  for (const name of names) await run("/usr/sbin/useradd", ["--prefix", root, "-N", "-M", "--", name]);
  const made = (await readFile(join(root, "etc", "passwd"), "utf8")).trimEnd().split("\n");
  assert.deepEqual(
    made.map((line) => line.split(":")[0]),
    names,
  );
  // And what it refuses, we refuse.
  for (const name of ["", "-x", "+x", "~x", "a b", "a:b", "a,b", "a\tb", "x".repeat(33)]) {
    assert.equal(isUserName(name), false, JSON.stringify(name));
    await assert.rejects(
      run("/usr/sbin/useradd", ["--prefix", root, "-N", "-M", "--", name]),
      JSON.stringify(name),
    );
  }
});

test("crypt takes the longest password that we accept, and no longer one", async () => {
  const crypt = async (length: number): Promise<string> => {
    const script = 'print crypt("a" x $ARGV[0], q($6$saltsalt$)) // "";';
    return (await run("perl", ["-e", script, String(length)])).stdout;
  };
  assert.ok(isPassword("a".repeat(LONGEST_PASSWORD)) && !isPassword("a".repeat(LONGEST_PASSWORD + 1)));
  assert.match(await crypt(LONGEST_PASSWORD), /^\$6\$saltsalt\$.{86}$/);
  assert.doesNotMatch(await crypt(LONGEST_PASSWORD + 1), /^\$6\$/);
});

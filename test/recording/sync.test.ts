import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { keepSynced } from "../../gateway/recording/sync.ts";
import { ownFolder } from "./sample.ts";

test("recordings that grow are synced each second, others are left alone", { timeout: 20_000 }, async (t) => {
  const live = ownFolder(t);
  mkdirSync(join(live, "0"));
  const grows = join(live, "0", "aaaaaaaaaaaa.mbr");
  writeFileSync(grows, "x");
  writeFileSync(join(live, "0", "bbbbbbbbbbbb.mbr"), "x");
  symlinkSync("/dev/zero", join(live, "0", "cccccccccccc.mbr"));
  execFileSync("mkfifo", [join(live, "0", "dddddddddddd.mbr")]);

  const asked = new AbortController();
  const errors: unknown[] = [];
  const synced: string[] = [];
  const running = keepSynced(
    live,
    asked.signal,
    (error) => errors.push(error),
    (path) => synced.push(basename(path, ".mbr")),
  );
  const growing = setInterval(() => {
    appendFileSync(grows, "x");
  }, 200);
  await new Promise((resolve) => setTimeout(resolve, 3500));
  clearInterval(growing);
  asked.abort();
  await running;
  const count = (name: string) => synced.filter((one) => one === name).length;
  assert.ok(count("aaaaaaaaaaaa") >= 3, synced.join(" "));
  assert.deepEqual([count("bbbbbbbbbbbb"), count("cccccccccccc"), count("dddddddddddd")], [1, 0, 0]);
  assert.deepEqual(errors, []);
});

test("it ends with its signal, and a folder that is not there is no error", async (t) => {
  const asked = new AbortController();
  const errors: unknown[] = [];
  const running = keepSynced(join(ownFolder(t), "none"), asked.signal, (error) => errors.push(error));
  setTimeout(() => {
    asked.abort();
  }, 20);
  await running;
  assert.deepEqual(errors, []);
});

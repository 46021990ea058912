import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { keepSynced } from "../../gateway/recording/sync.ts";
import { ownFolder } from "./sample.ts";

test(
  "recordings that grow are synced each second, others are left alone",
  { timeout: 120_000 },
  async (t) => {
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
    const count = (name: string) => synced.filter((one) => one === name).length;
    const began = performance.now();
    const often = Promise.withResolvers<undefined>();
    const running = keepSynced(
      live,
      asked.signal,
      (error) => errors.push(error),
      (path) => {
        synced.push(basename(path, ".mbr"));
        if (count("aaaaaaaaaaaa") === 4) often.resolve(undefined);
      },
    );
    const growing = setInterval(() => {
      appendFileSync(grows, "x");
    }, 200);
    await often.promise;
    const took = performance.now() - began;
    clearInterval(growing);
    asked.abort();
    await running;
    // Three seconds, or what a busy machine makes of them.
    assert.ok(took >= 2900 && took < 15_000, `${took} ms`);
    assert.deepEqual([count("bbbbbbbbbbbb"), count("cccccccccccc"), count("dddddddddddd")], [1, 0, 0]);
    assert.deepEqual(errors, []);
  },
);

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

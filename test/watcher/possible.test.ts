/** What a gateway does where processes cannot be watched. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { policySchema } from "../../gateway/model/policy.ts";
import { childUid, TAP_INDEX } from "../../gateway/model/slot.ts";
import { ProcessWatch } from "../../gateway/warden/watch/process-watch.ts";

function open(t: TestContext, processes: string, logged: string[] = []): Promise<ProcessWatch> {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-possible-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return ProcessWatch.open({
    folder,
    uid: childUid(15, TAP_INDEX),
    spawn: () => Promise.reject(new Error("this machine cannot")),
    remap: { uid: 0 },
    policy: () => policySchema.parse({ evidence: { processes } }).evidence,
    take: () => undefined,
    unnamed: () => undefined,
    log: pino({ level: "info" }, { write: (line) => logged.push(line) }),
  });
}

test("`required` refuses the start, with the reason and a remedy", async (t) => {
  await assert.rejects(open(t, "required"), (error) => {
    assert.ok(error instanceof MitsubakoError);
    assert.equal(error.code, "watch-unfit");
    assert.match(error.message, /this machine cannot/);
    assert.match(error.remedy ?? "", /evidence\.processes/);
    return true;
  });
});

test("`auto` says so, once, and goes on without", async (t) => {
  const logged: string[] = [];
  await using watch = await open(t, "auto", logged);
  assert.match(logged.join(""), /evidence\.processes: .*not seen.*this machine cannot/);
  assert.equal(logged.length, 1);
  watch.started({ address: "10.0.0.2", pid: process.pid });
  watch.dismiss("10.0.0.2");
  assert.equal(watch.tapPid, undefined);
});

test("`off` starts nothing", async (t) => {
  const logged: string[] = [];
  await using watch = await open(t, "off", logged);
  assert.deepEqual([watch.pid, watch.tapPid, logged], [undefined, undefined, []]);
});

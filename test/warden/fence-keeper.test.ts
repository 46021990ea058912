/** What is outside is told of the fence's way out, however often leading it in fails. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import type { Fence } from "../../gateway/firewall/fence.ts";
import { policySchema } from "../../gateway/model/policy.ts";
import { FenceKeeper } from "../../gateway/warden/fence-keeper.ts";

test("what is outside hears of a change that failed half-way once the fence is put right, and once only", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const data = mkdtempSync(join(tmpdir(), "keeper-"));
  t.after(() => {
    rmSync(data, { recursive: true });
  });
  const done: string[] = [];
  let isRefused = true;
  const attempt = (what: string) => () => {
    done.push(what);
    return isRefused ? Promise.reject(new Error("refused")) : Promise.resolve();
  };
  const fence = {
    change: attempt("change"),
    repair: attempt("repair"),
    check: () => Promise.resolve(isRefused || !done.includes("repair") ? ["a fault"] : []),
    caps: () => Promise.resolve([]),
  } as unknown as Fence;
  const keeper = await FenceKeeper.start(
    {
      ...{ slot: 3, fence, data, log: pino({ enabled: false }) },
      policy: () => policySchema.parse({}),
      tls: { certificate: "", key: "" },
      onFact: () => undefined,
      metrics: () => "",
    },
    () =>
      Promise.resolve({
        pid: undefined,
        changed: attempt("told"),
        faults: () => Promise.resolve([]),
        repair: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  );
  const look = async () => {
    t.mock.timers.tick(15_000);
    // All of it is microtasks but the metrics' file.
    for (let times = 0; times < 20; times++) await turn();
  };
  keeper.policyChanged();
  await look();
  assert.deepEqual(done, ["change", "repair"]);
  isRefused = false;
  done.length = 0;
  await look();
  await look();
  assert.deepEqual(done, ["repair", "told"]);
  await keeper[Symbol.asyncDispose]();
});

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
import { FenceKeeper, type OutsideOfFence } from "../../gateway/warden/fence-keeper.ts";

function outsideWith(changed: () => Promise<void>): OutsideOfFence {
  return {
    pid: undefined,
    changed,
    faults: () => Promise.resolve([]),
    repair: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test("a way out is told of where it is written, and not of each profile that inherits it", async () => {
  const said: string[] = [];
  const policy = policySchema.parse({
    network: { egress: "limited" },
    profiles: [
      { name: "inherits", match: { source: ["192.0.2.0/24"] }, network: { connections: 3 } },
      { name: "shut", match: { source: ["192.0.2.1/32"] }, network: { egress: "deny" } },
      {
        name: "own",
        match: { source: ["192.0.2.2/32"] },
        network: { egress: "deny", ports: [{ ports: 80, egress: "limited" }] },
      },
    ],
  });
  const keeper = await FenceKeeper.start(
    {
      ...{ slot: 3, fence: {} as Fence, data: "", onFact: () => undefined, metrics: () => "" },
      log: pino({ level: "warn" }, { write: (line) => said.push((JSON.parse(line) as { msg: string }).msg) }),
      policy: () => policy,
      tls: { certificate: "", key: "" },
    },
    () => Promise.resolve(outsideWith(() => Promise.resolve())),
  );
  await keeper[Symbol.asyncDispose]();
  assert.deepEqual(
    said.map((line) => line.slice(0, line.indexOf("network."))),
    ["", "in profile own: "],
  );
});

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
    () => Promise.resolve(outsideWith(attempt("told"))),
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

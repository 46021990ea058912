/** An engine that does not freeze at once: runc 1.1 answers so where processes come faster than it looks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SandboxContainer } from "../../gateway/sandbox/container.ts";
import { EngineRefused, type Engine } from "../../gateway/sandbox/docker.ts";
import type { EngineFacts } from "../../gateway/sandbox/engine-facts.ts";
import { newSandboxId } from "../../gateway/model/ids.ts";

/** Refuses to freeze so many times. */
function container(refusals: number, state: { Running: boolean; Paused: boolean }) {
  const asked: string[] = [];
  const call = (what: string) => {
    asked.push(what);
    if (what === "describe a sandbox") return Promise.resolve({ State: state });
    if (what === "freeze a sandbox" && refusals-- > 0)
      return Promise.reject(new EngineRefused(what, 500, new Error("unable to freeze")));
    return Promise.resolve();
  };
  const names = {
    id: newSandboxId(),
    container: "0".repeat(64),
    address: "10.200.0.10",
    image: "none",
  };
  const facts = { remap: { uid: 0, gid: 0 } } as EngineFacts;
  const frozen = new SandboxContainer({ call } as unknown as Engine, facts, names);
  return { frozen, count: (what: string) => asked.filter((each) => each === what).length };
}

test("a refusal to freeze is asked again, and what is frozen is thawed", async () => {
  const { frozen, count } = container(2, { Running: true, Paused: false });
  const held = await frozen.freeze();
  assert.equal(count("freeze a sandbox"), 3);
  await held?.[Symbol.asyncDispose]();
  assert.equal(count("thaw a sandbox"), 1);
});

test("one that is refused for good is an error, one that is gone is not", async () => {
  const { frozen, count } = container(1000, { Running: true, Paused: false });
  await assert.rejects(frozen.freeze(), /unable to freeze/);
  assert.equal(count("freeze a sandbox"), 5);
  const gone = container(1000, { Running: false, Paused: false });
  assert.equal(await gone.frozen.freeze(), undefined);
  assert.equal(gone.count("freeze a sandbox"), 1);
});

test("what somebody froze before is frozen", async () => {
  const { frozen, count } = container(1000, { Running: true, Paused: true });
  await (await frozen.freeze())?.[Symbol.asyncDispose]();
  assert.equal(count("freeze a sandbox"), 1);
  assert.equal(count("thaw a sandbox"), 1);
});

/** Which machines a front can play, from one configuration to the next. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { knownMachines } from "../../gateway/front/known-machines.ts";
import type { Machine } from "../../gateway/model/persona.ts";
import { makeHostKeys } from "../../gateway/sandbox/image/host-keys.ts";

test("a machine that a change takes away is still known to whom was just admitted to it, until the next change", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "known-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const hostKeys = await makeHostKeys(join(folder, "keys"), "srv01");
  const naming = (...ids: string[]) => ({
    machines: ids.map((id) => ({ id, hostKeys, keys: "", persona: {} }) as unknown as Machine),
  });
  const first = knownMachines(naming("one", "two"), naming(), new Map());
  assert.deepEqual([...first.keys()], ["one", "two"]);
  const second = knownMachines(naming("three"), naming("one", "two"), first);
  assert.deepEqual([...second.keys()].sort(), ["one", "three", "two"]);
  const third = knownMachines(naming("three"), naming("three"), second);
  assert.deepEqual([...third.keys()], ["three"]);
});

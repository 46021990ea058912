import assert from "node:assert/strict";
import { test } from "node:test";
import { readModuli } from "../../gateway/sandbox/image/read-moduli.ts";
import { startFakeEngine } from "./fake-engine.ts";

test("what a killed start left is taken away by the next one; what another start needs is not", async () => {
  const now = Math.floor(Date.now() / 1000);
  const removed: string[] = [];
  await using fake = await startFakeEngine((request) => {
    if (request === "GET /containers/json")
      return {
        status: 200,
        body: [
          { Id: "old", Created: now - 3600 },
          { Id: "new", Created: now - 60 },
          { Id: "older", Created: now - 7200 },
        ],
      };
    if (request === "POST /containers/create") return { status: 201, body: { Id: "own" } };
    if (request.startsWith("DELETE ")) {
      removed.push(request);
      return request.endsWith("/old")
        ? { status: 404, body: { message: "no such container" } }
        : { status: 204 };
    }
    return { status: 404, body: { message: "no such file" } };
  });
  assert.deepEqual(await readModuli(fake.engine, "image"), []);
  assert.deepEqual(removed, ["DELETE /containers/old", "DELETE /containers/older", "DELETE /containers/own"]);
});

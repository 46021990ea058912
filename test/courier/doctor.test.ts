import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { examineWebhook } from "../../gateway/commands/doctor-webhook.ts";
import { policySchema } from "../../gateway/model/policy.ts";

test("doctor connects only when it is asked to, and sends nothing then", async (t) => {
  let connections = 0;
  let bytes = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("data", (chunk) => (bytes += chunk.length)).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const examine = async (url: string, isToBeTried: boolean) => {
    const policy = policySchema.parse({ events: { webhook: { url, timeout: "500ms" } } });
    return (await examineWebhook(policy, isToBeTried)).map(({ state }) => state);
  };
  assert.deepEqual(await examineWebhook(policySchema.parse({}), true), []);
  assert.deepEqual(await examine(`http://127.0.0.1:${port}/`, false), ["good"]);
  assert.equal(connections, 0);
  assert.deepEqual(await examine(`http://127.0.0.1:${port}/`, true), ["good"]);
  assert.deepEqual([connections, bytes], [1, 0]);
  assert.deepEqual(await examine(`https://127.0.0.1:${port}/`, true), ["bad"], "it does not speak TLS");
  assert.deepEqual(await examine("http://127.0.0.1:1/", true), ["bad"]);
});

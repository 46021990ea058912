/** How long, and after what, a connection to a sandbox is made again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { PATH_LIFE } from "../../gateway/firewall/rule-figures.ts";
import { Ending } from "../../gateway/front/ending.ts";
import { LAST_BEGINNING, UpstreamLeg } from "../../gateway/front/upstream-leg.ts";
import type { WayToSandbox } from "../../gateway/model/front-messages.ts";
import type { SandboxId } from "../../gateway/model/ids.ts";

test("no connection is begun when the way may show the gateway's own address", async (t) => {
  assert.ok(LAST_BEGINNING <= (PATH_LIFE - 5) * 1000);
  let came = 0;
  let passed = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + passed);
  const way = await wayToWhoDrops(t, () => {
    if (++came === 2) passed = LAST_BEGINNING + 1;
  });
  using leg = new UpstreamLeg([], new Ending().signal);
  await assert.rejects(leg.reach(way), { code: "no-sandbox", cause: /no place in time/ });
  assert.equal(came, 2);
});

test("the session's end ends the pause, and no connection follows", { timeout: 60_000 }, async (t) => {
  let came = 0;
  const ending = new Ending();
  const way = await wayToWhoDrops(t, () => came++);
  // The pause's length: days.
  t.mock.method(Math, "random", () => {
    ending.end("client-closed");
    return 1_000_000;
  });
  using leg = new UpstreamLeg([], ending.signal);
  await assert.rejects(leg.reach(way), { code: "no-sandbox", cause: /nobody needs it/ });
  assert.equal(came, 1);
});

/** Of a server that accepts each connection and drops it. */
async function wayToWhoDrops(t: TestContext, came: () => void): Promise<WayToSandbox> {
  const server = createServer((socket) => {
    came();
    socket.destroy();
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return {
    sandbox: "0123456789ab" as SandboxId,
    container: "",
    image: "",
    state: "returning",
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    from: { address: "127.0.0.1", port: 0 },
  };
}

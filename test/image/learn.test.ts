/** Learning an image, with an engine that does not do its part. */
import assert from "node:assert/strict";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { learn } from "../../gateway/sandbox/image/learn.ts";
import type { Inquire } from "../../gateway/model/learned.ts";
import { startFakeEngine, type Answer } from "./fake-engine.ts";

const ANSWERS: Readonly<Record<string, Answer>> = {
  "POST /containers/create": { status: 201, body: { Id: "c" } },
  "POST /containers/c/start": { status: 204 },
  "POST /containers/c/exec": { status: 201, body: { Id: "e" } },
  "POST /exec/e/start": { status: 200 },
  "GET /exec/e/json": { status: 200, body: { ExitCode: 0 } },
  "DELETE /containers/c": { status: 409, body: { message: "removal of container c is already in progress" } },
};
const nothing: Answer = { status: 500, body: { message: "not asked for here" } };

/** Who wants nothing but a connection. */
const connectOnly: Inquire = async ({ connect }) => {
  const socket = await connect();
  socket.destroy();
  throw new Error("it is connected");
};

test(
  "an engine that never starts sshd is waited for no longer than the caller wants",
  { timeout: 60_000 },
  async () => {
    const abort = new AbortController();
    const reason = new Error("not wanted any more");
    await using fake = await startFakeEngine(
      (request) => ANSWERS[request] ?? nothing,
      () => {
        abort.abort(reason);
      },
    );
    await assert.rejects(learn(fake.engine, "image", connectOnly, abort.signal), (error) => error === reason);
  },
);

test("the container goes away by itself, and that is no fault when it is removed", async () => {
  const created: unknown[] = [];
  await using fake = await startFakeEngine(
    (request, body) => {
      if (request === "POST /containers/create") created.push(JSON.parse(body));
      return ANSWERS[request] ?? nothing;
    },
    (connection: Duplex) => {
      connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    },
  );
  await assert.rejects(learn(fake.engine, "image", connectOnly), (error: Error) => {
    assert.equal((error.cause as Error).message, "it is connected");
    return true;
  });
  assert.equal((created[0] as { HostConfig: { AutoRemove?: boolean } }).HostConfig.AutoRemove, true);
});

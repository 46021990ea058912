import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { openListener } from "../../gateway/warden/listeners.ts";
import { passOn } from "../../gateway/warden/pass-on.ts";

/** Says to each socket that it is given what it was told with it. */
const GREETS = `process.on("message", (message, socket) => socket?.end(JSON.stringify(message))); process.send("up");`;

async function front(t: TestContext): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", GREETS], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  return child;
}

/** A listener of the warden's that is not closed yet, and a stranger who comes to it. */
async function stranger(t: TestContext, accepted: (socket: Socket) => void): Promise<Socket> {
  const server: Server = await openListener({ address: "127.0.0.1", port: 0 }, accepted);
  t.after(() => server.close());
  return connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => undefined);
}

async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8").on("data", (more: string) => (text += more));
  await once(socket, "close");
  return text;
}

test("a stranger who comes before the front has its listening socket is served by the front", async (t) => {
  const child = await front(t);
  let ours: Socket | undefined;
  const client = await stranger(t, (socket) => {
    ours = socket;
    passOn(child, socket);
  });
  client.write("bytes that nobody but the front reads");
  assert.equal(await heard(client), '{"type":"notice","notice":{"kind":"connection"}}');
  assert.equal(ours?.destroyed, true);
  assert.equal(ours.bytesRead, 0);
});

test("a front that dies before it has read of the strangers does not leave them waiting", async (t) => {
  const child = await front(t);
  child.kill("SIGSTOP");
  const given: Socket[] = [];
  const take = (socket: Socket) => {
    given.push(socket);
    passOn(child, socket);
    if (given.length === 2) child.kill("SIGKILL");
  };
  const clients = await Promise.all([stranger(t, take), stranger(t, take)]);
  assert.deepEqual(await Promise.all(clients.map(heard)), ["", ""]);
  assert.deepEqual(
    given.map(({ destroyed }) => destroyed),
    [true, true],
  );
});

test("a front that is dead already does not either", async (t) => {
  const child = await front(t);
  child.kill("SIGKILL");
  await once(child, "exit");
  const client = await stranger(t, (socket) => {
    passOn(child, socket);
  });
  assert.equal(await heard(client), "");
});

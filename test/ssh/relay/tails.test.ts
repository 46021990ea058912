/** Two legs over real sockets, and nothing behind them but the test: what one end sent before it ended reaches the other, however slowly it reads. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildChannelData } from "../../../gateway/ssh/messages/channel.ts";
import { u32 } from "../../../gateway/ssh/messages/writer.ts";
import { startRelay, type RelayEnd } from "../../../gateway/ssh/relay/relay.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { serveTransport } from "../../../gateway/ssh/transport/serve.ts";
import type { Transport, TransportEnd } from "../../../gateway/ssh/transport/transport.ts";
import { makeKey } from "./key-files.ts";

const folder = mkdtempSync(join(tmpdir(), "mitsubako-tails-"));
const hostKeys = [makeKey(folder, "host", "ed25519")];
const PAYLOADS = 600;
const EACH = 16_384;

after(() => {
  rmSync(folder, { recursive: true });
});

/** Two transports that are the two ends of one connection. */
async function leg(): Promise<{ client: Transport; server: Transport }> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  assert.ok(address !== null && typeof address !== "string");
  const accepted = once(listener, "connection");
  const socket = connect(address.port, "127.0.0.1");
  const [peer] = (await accepted) as [typeof socket];
  listener.close();
  const [client, server] = await Promise.all([
    connectTransport(socket, { identification: "SSH-2.0-client", hostKeys }),
    serveTransport(peer, {
      identification: "SSH-2.0-server",
      hostKeys,
      offer: {
        kex: ["curve25519-sha256"],
        hostKey: ["ssh-ed25519"],
        cipher: ["aes128-gcm@openssh.com"],
        mac: ["hmac-sha2-256"],
        compression: ["none"],
      },
      extensions: [],
    }),
  ]);
  for (const transport of [client, server]) transport.startDelayedCompression(); // As after a login.
  return { client, server };
}

async function sendAll(transport: Transport): Promise<void> {
  const room = { wake: () => undefined as unknown };
  transport.attach({
    payload: () => undefined,
    drain: () => {
      room.wake();
    },
  });
  for (let index = 0; index < PAYLOADS; index++) {
    if (!transport.send(buildChannelData(0, Buffer.concat([u32(index), Buffer.alloc(EACH)])))) {
      await new Promise((resolve) => (room.wake = resolve as () => unknown));
    }
  }
}

/** How many came in their order, read with pauses, and how it ended. */
async function receiveAll(transport: Transport): Promise<{ count: number; end: TransportEnd }> {
  let count = 0;
  transport.attach({
    payload: (bytes) => {
      assert.equal(bytes.readUInt32BE(9), count);
      count++;
      if (count % 37 !== 0) return;
      transport.pause();
      setTimeout(() => {
        transport.resume();
      }, 15);
    },
  });
  return { end: await transport.closed, count };
}

const ENDS: Record<string, (transport: Transport) => void> = {
  "a DISCONNECT": (transport) => {
    transport.disconnect(2, "so long");
  },
  "a FIN": (transport) => {
    transport.end();
  },
};

describe("what was sent before the end", () => {
  for (const [how, end] of Object.entries(ENDS)) {
    for (const from of ["upstream", "client"] as const) {
      it(`arrives when the ${from} ends with ${how}`, async () => {
        const [down, up] = await Promise.all([leg(), leg()]);
        const relay = startRelay({
          downstream: down.server,
          upstream: up.client,
          hostKeys,
          tap: { packet: () => undefined, flush: () => undefined },
        });
        const [sender, receiver] = from === "client" ? [down.client, up.server] : [up.server, down.client];
        const received = receiveAll(receiver);
        await sendAll(sender);
        end(sender);
        const { count, end: seen } = await received;
        assert.equal(count, PAYLOADS);
        if (how === "a FIN") assert.equal(seen.kind, "closed");
        else {
          assert.ok(seen.kind === "disconnect");
          assert.deepEqual([seen.code, seen.description.toString()], [2, "so long"]);
        }
        const cause: RelayEnd = await relay.ended;
        assert.equal(cause.kind, from);
      });
    }
  }

  it("and the payloads that a DISCONNECT follows in one segment", async () => {
    for (const from of ["upstream", "client"] as const) {
      const [down, up] = await Promise.all([leg(), leg()]);
      const taped: string[] = [];
      const relay = startRelay({
        downstream: down.server,
        upstream: up.client,
        hostKeys,
        tap: { packet: (origin) => taped.push(origin), flush: () => taped.push("flush") },
      });
      const [sender, receiver] = from === "client" ? [down.client, up.server] : [up.server, down.client];
      const received = receiveAll(receiver);
      sender.cork();
      sender.send(buildChannelData(0, u32(0)));
      sender.send(buildChannelData(0, u32(1)));
      sender.disconnect(11, "bye");
      sender.uncork();
      const { count, end } = await received;
      assert.equal(count, 2);
      assert.equal(end.kind, "disconnect");
      await relay.ended;
      assert.deepEqual(taped.slice(-1), ["flush"]);
      await sleep(0);
    }
  });

  it("and the payloads that came with the end while the other side could not take them", async () => {
    for (const [how, end] of Object.entries(ENDS)) {
      const { client, server } = await leg();
      let count = 0;
      client.attach({
        payload: () => {
          if (++count === 1) client.pause();
        },
      });
      server.cork();
      for (let index = 0; index < 100; index++) server.send(buildChannelData(0, u32(index)));
      end(server);
      server.uncork();
      await sleep(300);
      assert.equal(count, 1, "paused");
      client.resume();
      const seen = await client.closed;
      assert.equal(count, 100, how);
      assert.equal(seen.kind, how === "a FIN" ? "closed" : "disconnect");
    }
  });

  it("is cut off when the relay is closed, on both legs and at once", async () => {
    const [down, up] = await Promise.all([leg(), leg()]);
    const relay = startRelay({
      downstream: down.server,
      upstream: up.client,
      hostKeys,
      tap: { packet: () => undefined, flush: () => undefined },
    });
    const ends = [down.client, up.server].map(receiveAll);
    relay.close();
    for (const { end } of await Promise.all(ends)) assert.equal(end.kind, "closed");
    assert.deepEqual(await relay.ended, { kind: "closed" });
  });
});

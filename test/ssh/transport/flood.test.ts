/** Key exchanges that take long are somebody's own matter: others' keystrokes come back meanwhile. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { PacketReader } from "../../../gateway/ssh/transport/packet-reader.ts";
import { buildKexInit, symmetricOffer } from "../../../gateway/ssh/transport/kexinit.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { moduliUpTo } from "./choices.ts";
import { listen, type Listener } from "./listener.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { CLIENT_OPTIONS } from "./pair.ts";

const FLOODERS = 24;
/** So many exchanges are answered while echoes are counted. */
const ENOUGH = 48;

/** Any number in range does: who floods does not compute. */
const NUMBER = Buffer.alloc(250, 0x5a);

const FLOODS: Record<string, readonly Buffer[]> = {
  "diffie-hellman-group18-sha512": [payload(30, string(NUMBER))],
  "diffie-hellman-group16-sha512": [payload(30, string(NUMBER))],
  "diffie-hellman-group-exchange-sha256": [
    payload(34, u32(8192), u32(8192), u32(8192)),
    payload(32, string(NUMBER)),
  ],
  "sntrup761x25519-sha512@openssh.com": [
    payload(30, string(Buffer.concat([Buffer.alloc(1158, 7), Buffer.alloc(32, 9)]))),
  ],
};

/** One packet in clear. */
function inClear(body: Buffer): Buffer {
  const padding = 16 - ((5 + body.length) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + body.length + padding);
  head[4] = padding;
  return Buffer.concat([head, body, Buffer.alloc(padding)]);
}

/** Connects, has its key exchange answered, goes and comes again, until told to stop. */
async function flood(
  port: number,
  kex: string,
  says: readonly Buffer[],
  stop: AbortSignal,
  onAnswer: () => void,
): Promise<void> {
  const offer = symmetricOffer({
    kex: [kex],
    hostKey: ["ssh-ed25519"],
    cipher: ["aes128-ctr"],
    mac: ["hmac-sha2-256"],
    compression: ["none"],
  });
  const opening = [buildKexInit(offer), ...says].map(inClear);
  while (!stop.aborted) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(Buffer.concat([Buffer.from("SSH-2.0-flood\r\n"), ...opening]));
    const reader = new PacketReader();
    let identified = false;
    socket.on("data", (chunk: Buffer) => {
      const start = identified ? 0 : chunk.indexOf("\n") + 1;
      identified = true;
      reader.push(chunk.subarray(start));
      for (let bytes = reader.next(); bytes; bytes = reader.next())
        if (bytes[0] === 21) {
          onAnswer();
          socket.destroy();
          return;
        }
    });
    const gone = () => socket.destroy();
    stop.addEventListener("abort", gone, { once: true });
    await new Promise((resolve) => socket.once("close", resolve));
    stop.removeEventListener("abort", gone);
  }
}

/** Sends single payloads, each when the one before has come back, until told that it is enough. Milliseconds: the median, and what one in a hundred is over. */
async function echoes(
  client: Transport,
  enough: (count: number) => boolean,
): Promise<{ median: number; p99: number }> {
  const took: number[] = [];
  let back: () => void = () => undefined;
  client.attach({
    payload: () => {
      back();
    },
  });
  while (!enough(took.length)) {
    const began = performance.now();
    const answer = new Promise<void>((resolve) => (back = resolve));
    client.send(Buffer.of(94, 1, 2, 3));
    await answer;
    took.push(performance.now() - began);
    // A person's keys leave the machine time for others.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  client.attach(null);
  took.sort((one, other) => one - other);
  return { median: took[took.length >> 1] ?? 0, p99: took[Math.floor(took.length * 0.99)] ?? 0 };
}

async function listenForEcho(): Promise<Listener> {
  return listen(
    (transport) => {
      transport.attach({ payload: (bytes) => void transport.send(Buffer.from(bytes)) });
    },
    { moduli: moduliUpTo(8192) },
  );
}

describe("echoes in a flood of key exchanges", () => {
  for (const [kex, says] of Object.entries(FLOODS))
    it(kex, async (context) => {
      await using server = await listenForEcho();
      const socket = connect(server.port, "127.0.0.1");
      const client = await connectTransport(socket, CLIENT_OPTIONS);
      const quiet = await echoes(client, (count) => count >= 100);
      const stop = new AbortController();
      let answered = 0;
      const began = performance.now();
      const flooders = Array.from({ length: FLOODERS }, () =>
        flood(server.port, kex, says, stop.signal, () => answered++),
      );
      const busy = await echoes(client, (count) => count >= 20 && answered >= ENOUGH);
      const each = (performance.now() - began) / answered;
      stop.abort();
      await Promise.all(flooders);
      socket.destroy();
      context.diagnostic(
        `echo ${quiet.median.toFixed(2)} ms (p99 ${quiet.p99.toFixed(1)}) alone, ` +
          `${busy.median.toFixed(2)} ms (p99 ${busy.p99.toFixed(1)}) beside ${FLOODERS} clients that got an exchange each ${each.toFixed(1)} ms`,
      );
      // Were all that are there computed before an echo, it would take as long as a round of them.
      assert.ok(
        busy.median < (FLOODERS * each) / 3 + 2 * quiet.p99,
        `an echo takes ${busy.median.toFixed(1)} ms`,
      );
    });
});

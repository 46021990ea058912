/** Strangers' bytes: whatever they are, a connection ends or goes on, within a bound; nothing is thrown, nothing grows. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deflateSync } from "node:zlib";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { string } from "../../../gateway/ssh/messages/writer.ts";
import { openerFor, sealerFor } from "../../../gateway/ssh/transport/ciphers/table.ts";
import { Deflater, Inflater } from "../../../gateway/ssh/transport/compression.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { ProtocolError } from "../../../gateway/ssh/transport/failures.ts";
import { kexMethod } from "../../../gateway/ssh/transport/kex/methods.ts";
import { PacketReader } from "../../../gateway/ssh/transport/packet-reader.ts";
import { likeSshdBeforeLogin, listen, type Listener } from "./listener.ts";
import { CLIENT_OPTIONS } from "./pair.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The same numbers each time, from a name. */
function dice(name: string): (below: number) => number {
  let counter = 0;
  return (below) => createHash("sha256").update(`${name} ${counter++}`).digest().readUInt32BE() % below;
}

/** Native keys and ciphers go only in a turn of the loop after their wrappers were collected. */
async function memory(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Runs `act` for each number, some at a time. */
async function times(count: number, act: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

/** No connection outlives what was said to it by more than a moment. */
async function gone({ sockets, failures }: Listener): Promise<void> {
  for (let round = 0; round < 3000 && sockets.size > 0; round++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(sockets.size, 0, "connections are left");
  failures.length = 0;
}

/** Sends bytes to a port, waits for the other side to end or for silence, and closes. */
async function pour(port: number, ...pieces: Buffer[]): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  for (const piece of pieces) socket.write(piece);
  socket.setTimeout(150, () => socket.destroy());
  await new Promise((resolve) => socket.once("close", resolve));
}

describe("what a client says in a key exchange", () => {
  for (const kex of IMPLEMENTED.kex)
    it(kex, async () => {
      const roll = dice(kex);
      const right = [0, 32, 65, 97, 133, 256, 257, 1190, 1216];
      for (let round = 0; round < 60; round++) {
        const answerer = kexMethod(kex).answer({ moduli: [], isOver: () => false });
        // Messages in any order, of the right length at times; with fields that end where they should, or do not.
        for (let message = 0; message < 3; message++) {
          const value = randomBytes(roll(2) === 0 ? (right[roll(right.length)] ?? 0) : roll(400));
          const body =
            roll(4) === 0 ? value : Buffer.concat([string(value), randomBytes(roll(8) === 0 ? 1 : 0)]);
          const sizes = Buffer.concat([
            Buffer.of(0, 0, roll(3) * 8, 0),
            Buffer.of(0, 0, 8, 0),
            Buffer.of(0, 0, 8, 0),
          ]);
          const type = [30, 31, 32, 33, 34, 34, 30, 49][roll(8)] ?? 0;
          const step = answerer.take(Buffer.concat([Buffer.of(type), type === 34 ? sizes : body]));
          try {
            await step;
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error));
          }
        }
      }
    });
});

describe("packets in any pieces", () => {
  for (const cipher of IMPLEMENTED.cipher)
    for (const mac of cipher === "aes128-ctr"
      ? IMPLEMENTED.mac
      : cipher.endsWith("ctr")
        ? ["hmac-sha2-256"]
        : [""])
      it(`${cipher} ${mac}`, () => {
        const roll = dice(cipher + mac);
        const keys = { iv: randomBytes(16), key: randomBytes(64), macKey: randomBytes(64) };
        const sealer = sealerFor(cipher, mac, keys);
        const payloads = Array.from({ length: 60 }, (_, turn) =>
          randomBytes(1 + roll(turn % 10 === 0 ? 200_000 : 300)),
        );
        const stream = Buffer.concat(
          payloads.map((payload, sequence) => {
            let padding =
              sealer.blockSize - ((1 + payload.length + (sealer.lengthApart ? 0 : 4)) % sealer.blockSize);
            if (padding < 4) padding += sealer.blockSize;
            const packet = Buffer.alloc(5 + payload.length + padding + sealer.tagLength);
            packet.writeUInt32BE(1 + payload.length + padding);
            packet[4] = padding;
            packet.set(payload, 5);
            sealer.seal(packet, 0, packet.length - sealer.tagLength, sequence);
            return packet;
          }),
        );
        const reader = new PacketReader();
        reader.install(openerFor(cipher, mac, keys));
        const got: Buffer[] = [];
        for (let at = 0; at < stream.length;) {
          const size = roll(5) === 0 ? 1 + roll(5) : 1 + roll(70_000);
          reader.push(Buffer.from(stream.subarray(at, at + size)));
          at += size;
          for (let payload = reader.next(); payload; payload = reader.next()) got.push(Buffer.from(payload));
        }
        assert.deepEqual(got, payloads);
      });

  it("single bytes", () => {
    const reader = new PacketReader();
    const packet = Buffer.concat([Buffer.of(0, 0, 0x80, 4, 11), randomBytes(0x8003)]);
    for (const byte of packet.subarray(0, -1)) {
      reader.push(Buffer.of(byte));
      assert.equal(reader.next(), undefined);
    }
    reader.push(packet.subarray(-1));
    assert.deepEqual(reader.next(), packet.subarray(5, -11));
  });
});

describe("compression", () => {
  it("round trips, and starts anew", () => {
    for (let round = 0; round < 2; round++) {
      const [deflater, inflater] = [new Deflater(), new Inflater()];
      for (const size of [1, 100, 32_768, 262_000]) {
        for (const payload of [randomBytes(size), Buffer.alloc(size, "x")]) {
          const squeezed = Buffer.from(deflater.deflate(payload));
          assert.ok(inflater.inflate(squeezed).equals(payload));
        }
      }
      deflater.close();
      inflater.close();
    }
  });
  it("ends at a packet's size: 100 MB in 100 KB are refused", () => {
    const bomb = deflateSync(Buffer.alloc(100_000_000));
    assert.ok(bomb.length < 200_000);
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => new Inflater().inflate(bomb), ProtocolError);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000);
  });
  it("refuses what is not a stream", () => {
    const roll = dice("zlib");
    for (let turn = 0; turn < 500; turn++) {
      const inflater = new Inflater();
      const bytes = Buffer.from(deflateSync(randomBytes(50)));
      bytes[roll(bytes.length)] = roll(256);
      try {
        inflater.inflate(bytes);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
      inflater.close();
    }
  });
});

describe("a server under strange bytes", { timeout: 120_000 }, () => {
  const SSH = Buffer.from("SSH-2.0-x\r\n");
  const cases: Record<string, (roll: (below: number) => number) => Buffer[]> = {
    "random bytes": (roll) => [randomBytes(roll(3000))],
    "random bytes after the identification": (roll) => [SSH, randomBytes(roll(3000))],
    "random payloads in good packets": (roll) => [
      SSH,
      ...Array.from({ length: 1 + roll(5) }, () => {
        const body = randomBytes(roll(400));
        const padding = 8 - ((6 + body.length) % 8) + 4 - 4 + (8 - ((6 + body.length) % 8) < 4 ? 8 : 0);
        const head = Buffer.alloc(6);
        head.writeUInt32BE(2 + body.length + padding);
        head[4] = padding;
        head[5] = [20, 30, 21, 2, 4, 5, 50, 1, 3, 7][roll(10)] ?? 0;
        return Buffer.concat([head, body, Buffer.alloc(padding)]);
      }),
    ],
  };
  for (const [name, make] of Object.entries(cases))
    it(name, async () => {
      const roll = dice(name);
      await using server = await listen(likeSshdBeforeLogin);
      await times(100, () => pour(server.port, ...make(roll)));
      await gone(server);
      const before = await memory();
      await times(400, () => pour(server.port, ...make(roll)));
      await gone(server);
      const grown = (await memory()) - before;
      assert.ok(grown < 4_000_000, `${grown} bytes more in use`);
    });
});

/** Between a client and a server of ours: harms one byte range of one direction, then closes after a while of silence. */
async function harmful(port: number, roll: (below: number) => number): Promise<Server> {
  const server = createServer((downstream) => {
    const upstream = connect(port, "127.0.0.1");
    const toServer = roll(2) === 0;
    const where = roll(3500);
    const how = roll(4);
    for (const [from, to, harmed] of [
      [downstream, upstream, toServer],
      [upstream, downstream, !toServer],
    ] as const) {
      let seen = 0;
      from.on("data", (chunk: Buffer) => {
        const at = where - seen;
        seen += chunk.length;
        if (!harmed || at < 0 || at >= chunk.length) {
          to.write(chunk);
          return;
        }
        const [left, right] = [chunk.subarray(0, at), chunk.subarray(at)];
        if (how === 0) chunk.writeUInt8((chunk[at] ?? 0) ^ (1 << roll(8)), at);
        if (how === 0) to.write(chunk);
        else if (how === 1) to.end(left);
        else if (how === 2) to.write(Buffer.concat([left, right.subarray(1 + roll(20))]));
        else to.write(Buffer.concat([left, randomBytes(1 + roll(20)), right]));
      });
      from.on("error", () => undefined);
      from.on("close", () => to.destroy());
    }
    downstream.setTimeout(200, () => downstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

it("bytes flipped, cut, lost and added in every phase, either way", { timeout: 120_000 }, async () => {
  const roll = dice("harm");
  const ends = new Map<string, number>();
  const count = (kind: string) => ends.set(kind, (ends.get(kind) ?? 0) + 1);
  await using server = await listen((transport) => {
    transport.attach({ payload: (bytes) => transport.send(bytes) });
    void transport.closed.then(({ kind }) => {
      count(`server ${kind}`);
    });
  });
  const proxy = await harmful(server.port, roll);
  const { port } = proxy.address() as AddressInfo;
  const one = async () => {
    const socket = connect(port, "127.0.0.1");
    try {
      const transport = await connectTransport(socket, CLIENT_OPTIONS);
      transport.attach({ payload: () => undefined });
      for (let turn = 0; turn < 20; turn++)
        transport.send(Buffer.concat([Buffer.of(94), randomBytes(roll(100))]));
      const { kind } = await transport.closed;
      count(`client ${kind}`);
    } catch {
      count("client failed");
    }
    assert.ok(socket.destroyed);
  };
  await times(100, one);
  const before = await memory();
  await times(300, one);
  proxy.close();
  await gone(server);
  const grown = (await memory()) - before;
  assert.ok(grown < 4_000_000, `${grown} bytes more in use`);
  assert.ok((ends.get("client protocol-error") ?? 0) > 0 && (ends.get("server protocol-error") ?? 0) > 0);
});

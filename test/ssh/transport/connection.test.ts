import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildExtInfo } from "../../../gateway/ssh/messages/ext-info.ts";
import { MSG } from "../../../gateway/ssh/messages/numbers.ts";
import { Reader } from "../../../gateway/ssh/messages/reader.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { TransportFailed } from "../../../gateway/ssh/transport/failures.ts";
import { quirksOf } from "../../../gateway/ssh/transport/identification.ts";
import { serveTransport } from "../../../gateway/ssh/transport/serve.ts";
import type { TransportEnd, TransportHandler } from "../../../gateway/ssh/transport/transport.ts";
import { listen } from "./listener.ts";
import { CLIENT_OPTIONS, logIn, SERVER_OPTIONS, socketPair, transportPair } from "./pair.ts";

const DATA = (size: number, fill = 0) =>
  Buffer.concat([Buffer.of(MSG.CHANNEL_DATA), Buffer.alloc(size, fill)]);
const NOBODY: TransportHandler = { payload: () => undefined };

async function failure(promise: Promise<unknown>): Promise<TransportEnd> {
  const error: unknown = await promise.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransportFailed, String(error));
  return error.end;
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 6000 && !condition(); round++) await sleep(10);
  assert.ok(condition());
}

describe("the handshake", () => {
  it("tells the observer first, and what that throws ends it", async () => {
    await using sockets = await socketPair();
    const told: string[] = [];
    const trouble = new Error("cannot be recorded");
    const server = serveTransport(sockets.server, {
      ...SERVER_OPTIONS,
      observer: {
        clientVersion: (line) => told.push(line.toString()),
        keyExchange: (offer, agreed, hassh) => {
          told.push(`${offer.kex[0] ?? ""} ${agreed?.kex ?? ""} ${hassh.length}`);
          throw trouble;
        },
      },
    });
    const client = failure(connectTransport(sockets.client, CLIENT_OPTIONS));
    await assert.rejects(server, trouble);
    assert.equal((await client).kind, "closed");
    assert.deepEqual(told, ["SSH-2.0-OpenSSH_9.2p1", "curve25519-sha256 curve25519-sha256 32"]);
  });

  it("without a common algorithm: the observer hears the offer, the client nothing", async () => {
    await using sockets = await socketPair();
    const agreements: unknown[] = [];
    const server = failure(
      serveTransport(sockets.server, {
        ...SERVER_OPTIONS,
        offer: { ...SERVER_OPTIONS.offer, kex: ["ecdh-sha2-nistp256"] },
        observer: {
          clientVersion: () => undefined,
          keyExchange: (_offer, agreed) => agreements.push(agreed),
        },
      }),
    );
    const client = failure(
      connectTransport(sockets.client, { ...CLIENT_OPTIONS, offer: { kex: ["curve25519-sha256"] } }),
    );
    assert.deepEqual(await server, { kind: "protocol-error", message: "no matching key exchange method" });
    assert.equal((await client).kind, "protocol-error");
    assert.deepEqual(agreements, [undefined]);
  });

  it("is given up when the signal is aborted, before or in between", async () => {
    for (const early of [true, false]) {
      await using sockets = await socketPair();
      const controller = new AbortController();
      if (early) controller.abort();
      const server = failure(
        serveTransport(sockets.server, { ...SERVER_OPTIONS, signal: controller.signal }),
      );
      if (!early)
        setTimeout(() => {
          controller.abort();
        }, 50);
      assert.deepEqual(await server, { kind: "ended-by-us" });
      assert.ok(sockets.server.destroyed);
    }
  });

  it("ends with the socket, and with one that was gone already", async () => {
    await using sockets = await socketPair();
    sockets.client.destroy();
    assert.match((await failure(serveTransport(sockets.server, SERVER_OPTIONS))).kind, /closed|socket-error/);
    assert.match((await failure(serveTransport(sockets.server, SERVER_OPTIONS))).kind, /closed|socket-error/);
  });

  it("records what came in place of a whole identification line", async () => {
    await using sockets = await socketPair();
    const lines: string[] = [];
    const server = failure(
      serveTransport(sockets.server, {
        ...SERVER_OPTIONS,
        observer: { clientVersion: (line) => lines.push(line.toString()), keyExchange: () => undefined },
      }),
    );
    sockets.client.end("half a li");
    assert.equal((await server).kind, "closed");
    assert.deepEqual(lines, ["half a li"]);
  });

  it("refuses a server that has another host key", async () => {
    await using sockets = await socketPair();
    const [own] = SERVER_OPTIONS.hostKeys;
    assert.ok(own);
    const server = failure(serveTransport(sockets.server, SERVER_OPTIONS));
    const other = CLIENT_OPTIONS.hostKeys.map((key, index, all) => ({
      ...key,
      publicKey: all[(index + 1) % 3]?.publicKey ?? "",
    }));
    const client = failure(
      connectTransport(sockets.client, { ...CLIENT_OPTIONS, hostKeys: other.slice(0, 1) }),
    );
    assert.deepEqual(await client, {
      kind: "protocol-error",
      message: "the server's host key is not the one expected",
    });
    await server;
  });

  it("as a client reads over lines before the identification", async () => {
    await using server = await listen(() => undefined);
    const proxy = createServer((downstream) => {
      downstream.write("Welcome!\r\nSSH\r\n\r\n");
      const upstream = connect(server.port, "127.0.0.1");
      for (const socket of [upstream, downstream]) socket.on("error", () => undefined);
      downstream.pipe(upstream).pipe(downstream);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const socket = connect((proxy.address() as AddressInfo).port, "127.0.0.1");
    const transport = await connectTransport(socket, CLIENT_OPTIONS);
    assert.equal(transport.peerIdentification.toString(), SERVER_OPTIONS.identification);
    transport.destroy();
    proxy.close();
  });

  it("sends KEXINIT as OpenSSH does: after the client's line, alone, padded with zeros, nothing guessed", async () => {
    await using server = await listen(() => undefined);
    const socket = connect(server.port, "127.0.0.1");
    const [line] = (await once(socket, "data")) as [Buffer];
    assert.equal(line.toString(), `${SERVER_OPTIONS.identification}\r\n`);
    socket.write("SSH-2.0-x\r\n");
    const [packet] = (await once(socket, "data")) as [Buffer];
    assert.equal(packet.length, 4 + packet.readUInt32BE());
    assert.equal(packet.length % 8, 0);
    const padding = packet[4] ?? 0;
    assert.ok(padding >= 4 && padding < 12);
    assert.deepEqual(packet.subarray(-padding - 5), Buffer.alloc(padding + 5));
    socket.destroy();
  });

  it("knows old clients that OpenSSH treats in their own way", () => {
    assert.equal(quirksOf("OpenSSH_6.6").misunderstood.length, 1);
    assert.equal(quirksOf("OpenSSH_6.5p1").misunderstood.length, 1);
    assert.deepEqual(quirksOf("OpenSSH_6.6.1p1 Ubuntu-2ubuntu2").misunderstood, []);
    assert.ok(quirksOf("Sun_SSH_1.0.1").noRekey);
  });
});

describe("EXT_INFO of a server", () => {
  it("is not taken apart where nobody wants to know it", async (t) => {
    await using pair = await transportPair();
    const texts = t.mock.method(Reader.prototype, "text");
    const { promise, resolve } = Promise.withResolvers<undefined>();
    pair.client.attach({
      payload: () => {
        resolve(undefined);
      },
    });
    pair.server.send(buildExtInfo(Array.from({ length: 1000 }, () => ({ name: "", value: "" }))));
    pair.server.send(DATA(1));
    await promise;
    assert.equal(texts.mock.callCount(), 0);
  });
});

describe("payloads", () => {
  it("wait while nobody is attached, and none is lost between two handlers", async () => {
    await using pair = await transportPair();
    const got: number[] = [];
    for (let number = 0; number < 100; number++) pair.client.send(DATA(1, number));
    await sleep(50);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const take = (): TransportHandler => ({
      payload(bytes) {
        got.push(bytes[1] ?? -1);
        pair.server.attach(null);
        if (got.length === 100) resolve(undefined);
        else
          setImmediate(() => {
            pair.server.attach(take());
          });
      },
    });
    pair.server.attach(take());
    await promise;
    assert.deepEqual(
      got,
      Array.from({ length: 100 }, (_, number) => number),
    );
  });

  it("stop at pause in the middle of a batch, and the batch ends there", async () => {
    await using pair = await transportPair();
    const calls: string[] = [];
    pair.server.attach({
      payload: (bytes) => {
        calls.push(String(bytes[1]));
        if (bytes[1] === 2) pair.server.pause();
      },
      batchEnd: () => calls.push("end"),
    });
    pair.client.cork();
    for (let number = 0; number < 5; number++) pair.client.send(DATA(1, number));
    pair.client.uncork();
    await until(() => calls.includes("2"));
    await sleep(50);
    assert.deepEqual(calls, ["0", "1", "2", "end"]);
    pair.server.resume();
    await until(() => calls.includes("4"));
    assert.deepEqual(calls, ["0", "1", "2", "end", "3", "4", "end"]);
  });

  it("are told their sequence number, which strict key exchange begins at 0", async () => {
    for (const strict of [true, false]) {
      await using pair = await transportPair({ strict }, { strict });
      const sequences: number[] = [];
      pair.server.attach({ payload: (_bytes, sequence) => sequences.push(sequence) });
      for (let count = 0; count < 3; count++) pair.client.send(DATA(1));
      await until(() => sequences.length === 3);
      assert.deepEqual(sequences, strict ? [0, 1, 2] : [3, 4, 5]);
    }
  });

  it("leave together between cork and uncork", async () => {
    await using sockets = await socketPair();
    const [server, client] = await Promise.all([
      serveTransport(sockets.server, SERVER_OPTIONS),
      connectTransport(sockets.client, CLIENT_OPTIONS),
    ]);
    const got: number[] = [];
    client.attach({ payload: (bytes) => got.push(bytes.length) });
    await sleep(20);
    const before = sockets.server.bytesWritten;
    server.cork();
    server.cork();
    server.send(DATA(10));
    server.send(DATA(20));
    server.uncork();
    assert.equal(sockets.server.bytesWritten, before);
    server.uncork();
    await until(() => got.length === 2);
    assert.deepEqual(got, [11, 21]);
  });
});

describe("a peer that does not read", () => {
  it("gets a bounded amount; `send` says so, and `drain` when it goes on", async () => {
    await using pair = await transportPair();
    await logIn(pair);
    let sent = 0;
    let lastDrain = performance.now();
    const fill = () => {
      lastDrain = performance.now();
      do sent++;
      while (pair.server.send(DATA(32_000)));
    };
    pair.server.attach({ payload: () => undefined, drain: fill });
    fill();
    await until(() => performance.now() - lastDrain > 300);
    // What the kernel takes for both ends (some MB), and our own quarter of a MB.
    assert.ok(sent * 32_000 < 20_000_000, `${sent} payloads taken`);
    const stuck = sent;
    let got = 0;
    pair.client.attach({ payload: () => got++ });
    await until(() => got > stuck + 100);
  });

  it("is not read either once answers to it pile up", async () => {
    await using sockets = await socketPair();
    const [server, client] = await Promise.all([
      serveTransport(sockets.server, SERVER_OPTIONS),
      connectTransport(sockets.client, CLIENT_OPTIONS),
    ]);
    let answered = 0;
    server.attach({
      payload: (_bytes, sequence) => {
        answered++;
        server.sendUnimplemented(sequence);
      },
    });
    // 600,000 requests, never reading: what took a known server to 188 MB.
    let asked = 0;
    const flood = () => {
      client.cork();
      while (asked < 600_000 && client.send(DATA(30))) asked++;
      client.uncork();
    };
    client.attach({ payload: () => undefined, drain: flood });
    client.pause();
    flood();
    let [last, same] = [0, 0];
    while (same < 20) {
      await sleep(25);
      same = answered === last ? same + 1 : 0;
      last = answered;
    }
    const { writableLength } = sockets.server;
    assert.ok(writableLength < 256 * 1024, `${writableLength} bytes wait`);
    assert.ok(answered < 600_000, "it went on reading");
    client.resume();
    await until(() => answered > last + 10_000);
  });
});

describe("the end", () => {
  it("comes after what a key exchange holds back", async () => {
    await using pair = await transportPair();
    await logIn(pair);
    const got: number[] = [];
    pair.client.attach({ payload: (bytes) => got.push(bytes[1] ?? -1) });
    pair.server.attach(NOBODY);
    pair.server.rekey();
    assert.equal(pair.server.send(DATA(1, 7)), false);
    assert.equal(pair.server.send(DATA(1, 8)), false);
    pair.server.end();
    assert.equal(pair.server.send(DATA(1, 9)), false);
    assert.deepEqual(await pair.client.closed, { kind: "closed" });
    assert.deepEqual(await pair.server.closed, { kind: "ended-by-us" });
    assert.deepEqual(got, [7, 8]);
  });

  it("keeps the tail for a peer that reads late", async () => {
    await using pair = await transportPair();
    await logIn(pair);
    let got = 0;
    let sent = 0;
    pair.server.attach(NOBODY);
    while (pair.server.send(DATA(32_000))) sent++;
    pair.server.end();
    await sleep(200);
    pair.client.attach({ payload: (bytes) => (got += bytes.length) });
    assert.deepEqual(await pair.client.closed, { kind: "closed" });
    assert.equal(got, (sent + 1) * 32_001);
  });

  it("tells a DISCONNECT to both", async () => {
    await using pair = await transportPair();
    pair.client.attach(NOBODY);
    pair.server.disconnect(2, "Too many authentication failures");
    assert.deepEqual(await pair.client.closed, {
      kind: "disconnect",
      code: 2,
      description: Buffer.from("Too many authentication failures"),
    });
    assert.deepEqual(await pair.server.closed, { kind: "ended-by-us" });
  });

  it("of a batch is told even when the connection's end comes in the middle of it", async () => {
    await using pair = await transportPair();
    const calls: string[] = [];
    pair.server.attach({ payload: () => calls.push("payload"), batchEnd: () => calls.push("end of batch") });
    pair.client.cork();
    pair.client.send(DATA(1));
    pair.client.disconnect(11, "");
    assert.equal((await pair.server.closed).kind, "disconnect");
    assert.deepEqual(calls, ["payload", "end of batch"]);
  });

  it("of one connection is all that a handler's mistake causes", async () => {
    await using pair = await transportPair();
    const mistake = new Error("a defect");
    pair.server.attach({
      payload: () => {
        throw mistake;
      },
    });
    pair.client.attach(NOBODY);
    pair.client.send(DATA(1));
    assert.deepEqual(await pair.server.closed, { kind: "socket-error", error: mistake });
    assert.equal((await pair.client.closed).kind, "closed");
  });

  it("is quiet after destroy, whatever is called then", async () => {
    await using pair = await transportPair();
    const { server } = pair;
    server.attach(NOBODY);
    server.destroy();
    assert.deepEqual(await server.closed, { kind: "ended-by-us" });
    server.send(DATA(1));
    server.sendUnimplemented(1);
    server.cork();
    server.uncork();
    server.pause();
    server.resume();
    server.rekey();
    server.startDelayedCompression();
    server.disconnect(2, "x");
    server.end();
    server.destroy();
    server.attach(null);
    await sleep(20);
  });
});

import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Origin } from "../../../gateway/model/entries.ts";
import { buildChannelOpen } from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelData } from "../../../gateway/ssh/messages/channel.ts";
import {
  buildGlobalRequest,
  buildRequestFailure,
  buildRequestSuccess,
} from "../../../gateway/ssh/messages/global.ts";
import { bool, payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { startRelay, type RelayOptions } from "../../../gateway/ssh/relay/relay.ts";
import { hostKeyBlob } from "../../../gateway/ssh/userauth/host-key.ts";
import { Reader } from "../../../gateway/ssh/messages/reader.ts";
import { ed25519 } from "../userauth/keys.ts";
import { Talk } from "../userauth/talk.ts";
import { makeKey, privateKeyOf } from "./key-files.ts";
import { MemoryTransport } from "./memory-transport.ts";

const FENCE = buildGlobalRequest("keepalive@openssh.com", true);
const folder = mkdtempSync(join(tmpdir(), "mitsubako-relay-"));
const HOST_KEY = makeKey(folder, "ed25519", "ed25519");
const ECDSA_KEY = makeKey(folder, "ecdsa", "ecdsa");
const BLOB = hostKeyBlob(HOST_KEY);

after(() => {
  rmSync(folder, { recursive: true });
});

function relayed(options: Partial<RelayOptions> = {}) {
  const down = MemoryTransport.pair();
  const up = MemoryTransport.pair();
  const taped: [Origin, Buffer][] = [];
  let flushed = 0;
  const replies: string[] = [];
  const relay = startRelay({
    downstream: down.server,
    upstream: up.client,
    hostKeys: [HOST_KEY, ECDSA_KEY],
    onLocalReply: (request) => replies.push(request),
    ...options,
    tap: options.tap ?? {
      packet: (from, bytes) => taped.push([from, Buffer.from(bytes)]),
      flush: () => {
        flushed = taped.length;
      },
    },
  });
  const sent = (leg: MemoryTransport) => leg.queue.filter((item) => Buffer.isBuffer(item));
  return {
    relay,
    client: new Talk(down.client),
    server: new Talk(up.server),
    downstream: down.server,
    upstream: up.client,
    taped,
    replies,
    flushed: () => flushed,
    sent,
  };
}

const soon = (milliseconds = 20) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("the relay", () => {
  it("passes payloads of types 80 to 100 both ways, unchanged, in order, and shows them to the tap", async () => {
    const { client, server, taped } = relayed();
    const there = [80, 81, 82, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100].map((type) =>
      payload(type, Buffer.from([type, 0, 255])),
    );
    client.say(...there);
    for (const bytes of there) assert.deepEqual(await server.hear(), bytes);
    const back = there.filter(([type]) => type !== 81 && type !== 82);
    server.say(...back);
    for (const bytes of back) assert.deepEqual(await client.hear(), bytes);
    assert.deepEqual(taped, [
      ...there.map((bytes) => ["downstream", bytes]),
      ...back.map((bytes) => ["upstream", bytes]),
    ]);
  });

  it("answers pings in the order of what was asked, from its own store, and holds no more of them than a megabyte", async () => {
    const { client, server, upstream, sent, taped } = relayed();
    const asked = buildGlobalRequest("what@ever", true);
    client.say(asked, payload(192, string("one")), payload(192, string("")));
    for (const bytes of [asked, FENCE, FENCE]) assert.deepEqual(await server.hear(), bytes);
    server.say(...Array.from({ length: 3 }, () => buildRequestFailure()));
    for (const bytes of [buildRequestFailure(), payload(193, string("one")), payload(193, string(""))])
      assert.deepEqual(await client.hear(), bytes);
    assert.deepEqual(taped, [
      ["downstream", asked],
      ["upstream", buildRequestFailure()],
    ]);
    const large = Buffer.alloc(200_000, 7);
    client.say(...Array.from({ length: 6 }, () => payload(192, string(large))));
    await soon();
    // Each goes on as a request of a few bytes; what comes after them is not read before a reply has come.
    assert.equal(sent(upstream).length, 6);
    client.say(payload(192, string(large)));
    await soon();
    assert.equal(sent(upstream).length, 6);
    server.say(buildRequestFailure());
    assert.deepEqual(await client.hear(), payload(193, string(large)));
    await soon();
    assert.equal(sent(upstream).length, 7);
  });

  it("lets nothing leave before the tap has flushed it", async () => {
    const seen: string[] = [];
    const legs = relayed({
      tap: {
        packet: () => seen.push(`packet with ${legs.sent(legs.upstream).length} sent`),
        flush: () => seen.push(`flush with ${legs.sent(legs.upstream).length} sent`),
      },
    });
    legs.client.say(payload(94, u32(1)), payload(94, u32(2)));
    await soon();
    assert.deepEqual(seen, ["packet with 0 sent", "packet with 0 sent", "flush with 0 sent"]);
    assert.equal(legs.sent(legs.upstream).length, 2);
  });

  it("passes nothing on of a batch whose tap fails, and ends both legs", async () => {
    for (const failing of ["packet", "flush"] as const) {
      const error = new Error("disk full");
      const fail = () => {
        throw error;
      };
      const legs = relayed({ tap: { packet: () => undefined, flush: () => undefined, [failing]: fail } });
      legs.client.say(payload(94, u32(1)), payload(94, u32(2)));
      assert.deepEqual(await legs.relay.ended, { kind: "tap-failed", error });
      assert.deepEqual(legs.sent(legs.upstream), []);
      assert.equal(((await legs.client.hear()) as { kind: string }).kind, "closed");
      assert.equal(((await legs.server.hear()) as { kind: string }).kind, "closed");
    }
  });

  it("stops reading one side while the other does not read, without losing or reordering", async () => {
    const { client, server, downstream, upstream } = relayed();
    const flood = Array.from({ length: 3000 }, (_, index) => buildChannelData(0, u32(index)));
    for (const bytes of flood) server.transport.send(bytes);
    for (const bytes of flood) client.transport.send(bytes);
    await soon(50);
    // One batch past the mark: a batch is delivered as a whole or up to the pause.
    assert.ok(downstream.queue.length < 3001);
    const both = [client, server].map(async (side) => {
      for (const bytes of flood) assert.deepEqual(await side.hear(), bytes);
    });
    await Promise.all(both);
    assert.equal(upstream.queue.length, 0);
  });

  it("answers what sshd does not know with UNIMPLEMENTED, after the replies to what was asked before", async () => {
    const { client, server, taped } = relayed();
    client.say(
      buildGlobalRequest("tcpip-forward", true, string(""), u32(0)),
      payload(50, string("root"), string("ssh-connection"), string("none")),
      payload(83),
      payload(5, string("ssh-userauth")),
      payload(191),
      buildGlobalRequest("tcpip-forward", true, string(""), u32(0)),
    );
    const heard = [];
    for (let index = 0; index < 6; index++) heard.push(await server.hear());
    assert.deepEqual(heard.slice(1, 5), [FENCE, FENCE, FENCE, FENCE]);
    server.say(
      buildRequestSuccess(u32(4001)),
      ...Array.from({ length: 4 }, () => buildRequestFailure()),
      buildRequestSuccess(u32(4002)),
    );
    assert.deepEqual(await client.hear(), buildRequestSuccess(u32(4001)));
    for (const sequence of [1, 2, 3, 4]) {
      assert.deepEqual(await client.hear(), payload(3, u32(sequence)));
    }
    assert.deepEqual(await client.hear(), buildRequestSuccess(u32(4002)));
    assert.equal(taped.length, 4, "what was not relayed is not in the stream");
  });

  it("proves the host keys itself, in the order of replies", async () => {
    const { client, server, taped, replies, downstream } = relayed();
    const prove = (...keys: readonly Buffer[]) =>
      buildGlobalRequest("hostkeys-prove-00@openssh.com", true, ...keys.map(string));
    const keepalive = buildGlobalRequest("keepalive@openssh.com", true);
    client.say(keepalive, prove(BLOB), prove(ed25519().blob), keepalive);
    for (let index = 0; index < 4; index++) assert.deepEqual(await server.hear(), FENCE);
    server.say(...Array.from({ length: 4 }, () => buildRequestFailure()));
    const signed = Buffer.concat([
      string("hostkeys-prove-00@openssh.com"),
      string(downstream.sessionId),
      string(BLOB),
    ]);
    const signature = sign(null, signed, privateKeyOf(HOST_KEY));
    const proof = buildRequestSuccess(string(Buffer.concat([string("ssh-ed25519"), string(signature)])));
    assert.deepEqual(await client.hear(), buildRequestFailure());
    assert.deepEqual(await client.hear(), proof);
    assert.deepEqual(await client.hear(), buildRequestFailure());
    assert.deepEqual(await client.hear(), buildRequestFailure());
    assert.deepEqual(replies, ["hostkeys-prove-00@openssh.com", "hostkeys-prove-00@openssh.com"]);
    assert.deepEqual(taped[1], ["downstream", prove(BLOB)], "the request as it came");
    assert.deepEqual(taped[5], ["upstream", proof], "the reply as the client saw it");
  });

  it("signs once, and not without end, for one that asks for thousands of proofs", async () => {
    const { client, server } = relayed();
    const ask = (count: number) =>
      buildGlobalRequest(
        "hostkeys-prove-00@openssh.com",
        true,
        ...Array.from({ length: count }, () => string(hostKeyBlob(ECDSA_KEY))),
      );
    client.say(ask(500), ask(2400), payload(94, u32(1)));
    for (let index = 0; index < 3; index++) await server.hear();
    server.say(buildRequestFailure(), buildRequestFailure(), payload(99, u32(1)));
    const proofs = await client.hear();
    assert.ok(Buffer.isBuffer(proofs));
    const reader = new Reader(proofs, 1);
    const signatures = new Set(Array.from({ length: 500 }, () => reader.text()));
    assert.ok(reader.complete);
    assert.equal(signatures.size, 1, "ECDSA signatures differ each time they are made");
    assert.deepEqual(await client.hear(), buildRequestFailure());
    assert.deepEqual(await client.hear(), payload(99, u32(1)), "behind the replies, as it came");
  });

  it("holds a client that asks on and on and leaves no reply time to come", async () => {
    const { client, server, upstream, relay } = relayed();
    for (let index = 0; index < 20_000; index++) client.transport.send(payload(191));
    await soon(50);
    assert.ok(upstream.queue.length <= 20_000);
    relay.close();
    client.transport.destroy();
    server.transport.destroy();
    assert.deepEqual(await relay.ended, { kind: "closed" });
  });

  it("says sshd's debug lines after it showed its host keys, or before anything else", async () => {
    const hostkeys = buildGlobalRequest("hostkeys-00@openssh.com", false, string(BLOB));
    const debug = payload(4, bool(false), string("key options: pty"), string(""));
    const first = relayed({ debugLines: ["key options: pty"] });
    first.server.say(hostkeys, payload(94, u32(1)));
    assert.deepEqual(await first.client.hear(), hostkeys);
    assert.deepEqual(await first.client.hear(), debug);
    assert.deepEqual(await first.client.hear(), payload(94, u32(1)));

    const without = relayed({ debugLines: ["key options: pty"] });
    without.server.say(payload(99, u32(1)));
    assert.deepEqual(await without.client.hear(), debug);
    assert.deepEqual(await without.client.hear(), payload(99, u32(1)));
  });

  it("gives the client all that sshd sent before it ended, then its end", async () => {
    for (const say of [true, false]) {
      const { client, server, relay } = relayed();
      const tail = Array.from({ length: 500 }, (_, index) => buildChannelData(0, u32(index)));
      for (const bytes of tail) server.transport.send(bytes);
      if (say) server.transport.disconnect(2, "Too much \xff");
      else server.transport.end();
      for (const bytes of tail) assert.deepEqual(await client.hear(), bytes);
      if (say)
        assert.deepEqual(
          await client.hear(),
          payload(1, u32(2), string(Buffer.from("Too much \xff")), string("")),
        );
      assert.deepEqual(await client.hear(), { kind: "closed" });
      client.transport.destroy();
      assert.equal((await relay.ended).kind, "upstream");
    }
  });

  it("gives sshd all that the client sent before it left, then its word and its end", async () => {
    const { client, server, relay } = relayed();
    const open = buildChannelOpen("session", { sender: 0, window: 1, maxPacket: 2 });
    client.say(open, payload(96, u32(0)));
    client.transport.disconnect(11, "disconnected by user");
    assert.deepEqual(await server.hear(), open);
    assert.deepEqual(await server.hear(), payload(96, u32(0)));
    assert.deepEqual(await server.hear(), payload(1, u32(11), string("disconnected by user"), string("")));
    assert.deepEqual(await server.hear(), { kind: "closed" });
    server.transport.destroy();
    assert.deepEqual(await relay.ended, {
      kind: "client",
      end: { kind: "disconnect", code: 11, description: Buffer.from("disconnected by user") },
    });
  });

  it("fails channels beyond the bound as sshd would, from either side, and shows both to the tap", async () => {
    const { client, server, taped, relay } = relayed({ bounds: { channels: 2, requestsPerSecond: 1000 } });
    const open = (type: string, sender: number) =>
      buildChannelOpen(type, { sender, window: 1, maxPacket: 32768 });
    client.say(open("session", 7), open("session", 8), open("session", 9));
    assert.deepEqual(await server.hear(), open("session", 7));
    assert.deepEqual(await server.hear(), open("session", 8));
    const failed = (recipient: number) =>
      payload(92, u32(recipient), u32(2), string("open failed"), string(""));
    assert.deepEqual(await client.hear(), failed(9));
    server.say(open("x11", 3));
    assert.deepEqual(await server.hear(), failed(3));
    assert.deepEqual(
      taped.slice(2).map(([from, bytes]) => [from, bytes[0]]),
      [
        ["downstream", 90],
        ["upstream", 92],
        ["upstream", 90],
        ["downstream", 92],
      ],
    );
    // One is refused by sshd, one is confirmed and closed by both: there is room again.
    server.say(failed(7), payload(91, u32(8), u32(0), u32(1), u32(32768)));
    await client.hear();
    await client.hear();
    client.say(payload(97, u32(0)));
    await server.hear();
    client.say(open("session", 9), open("session", 10));
    assert.deepEqual(await server.hear(), open("session", 9));
    assert.deepEqual(await client.hear(), failed(10), "closed by one side only is still open");
    server.say(payload(97, u32(8)));
    await client.hear();
    client.say(open("session", 10));
    assert.deepEqual(await server.hear(), open("session", 10));
    relay.close();
    await relay.ended;
  });

  it("ends a client that asks for more than its bounds allow, and takes any amount of data", async () => {
    const legs = relayed({ bounds: { channels: 10, requestsPerSecond: 10 } });
    const data = Array.from({ length: 500 }, (_, index) => buildChannelData(0, u32(index)));
    legs.client.say(...data);
    for (const bytes of data) assert.deepEqual(await legs.server.hear(), bytes);
    const requests = Array.from({ length: 49 }, () => payload(98, u32(0), string("x"), bool(false)));
    legs.client.say(...requests);
    for (const bytes of requests) assert.deepEqual(await legs.server.hear(), bytes);
    // Also what sshd does not know is asked for.
    legs.client.say(...Array.from({ length: 20 }, () => payload(191)));
    assert.deepEqual(await legs.relay.ended, { kind: "flood" });
    assert.equal(((await legs.client.hear()) as { kind: string }).kind, "closed");
  });

  it("does not wait for ever for a leg that will not end", async () => {
    const ends: string[] = [];
    const { client, relay } = relayed({ lingerMs: 50, onEnd: ({ kind }) => ends.push(kind) });
    client.transport.end();
    await soon(30);
    assert.deepEqual(ends, ["client"], "told at once");
    assert.equal((await relay.ended).kind, "client");
  });
});

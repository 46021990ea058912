import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  buildChannelOpen,
  buildChannelOpenConfirmation,
  buildChannelOpenFailure,
} from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelData, buildChannelSignal } from "../../../gateway/ssh/messages/channel.ts";
import { string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { conversation, exported, recorded, SESSION, STARTED } from "./sample.ts";

const REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
const ANSWER = randomBytes(40_001);

/** What it is said to come from decides nothing but what stands in the packets. */
function forward(
  talk: Conversation,
  host: string,
  port: number,
  origin = "127.0.0.1",
  originPort = 40000,
): number {
  return talk.open("direct-tcpip", string(host), u32(port), string(origin), u32(originPort));
}

async function captured(t: TestContext, talk: Conversation, channel?: number): Promise<string> {
  const output = join(ownFolder(t), "forwards.pcapng");
  const session = await recorded(t, talk.whole());
  const { code, stderr } = await exported({
    session,
    format: "pcap",
    output,
    ...(channel === undefined ? {} : { channel }),
  });
  assert.deepEqual([code, stderr], [0, ""]);
  return output;
}

function tshark(file: string, ...args: string[]): string {
  // Names that the file gives to addresses, and no others.
  const checks = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE"].flatMap((option) => ["-o", option]);
  return execFileSync("tshark", ["-r", file, "-N", "n", ...checks, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 * 1024 * 1024,
  });
}

function fields(file: string, ...names: string[]): string[][] {
  return tshark(file, "-T", "fields", ...names.flatMap((name) => ["-e", name]))
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
}

/** Bytes of a connection, as tshark puts them together. */
function followed(file: string, stream: number): { client: Buffer; server: Buffer } {
  const sides = { client: [] as Buffer[], server: [] as Buffer[] };
  for (const line of tshark(file, "-q", "-z", `follow,tcp,raw,${stream}`).split("\n"))
    if (/^\t?[0-9a-f]+$/.test(line))
      sides[line.startsWith("\t") ? "server" : "client"].push(Buffer.from(line.trim(), "hex"));
  return { client: Buffer.concat(sides.client), server: Buffer.concat(sides.server) };
}

/** A request and its answer, ended in order. */
function exchange(talk: Conversation, channel: number): Conversation {
  talk.after(10).sends(channel, REQUEST).after(20);
  for (let at = 0; at < ANSWER.length; at += 32_768) talk.gets(channel, ANSWER.subarray(at, at + 32_768));
  talk.packet("upstream", buildChannelSignal("channel-eof", channel));
  talk.after(1).packet("downstream", buildChannelSignal("channel-eof", channel));
  talk.packet("downstream", buildChannelSignal("channel-close", channel));
  return talk.packet("upstream", buildChannelSignal("channel-close", channel));
}

test("tshark reads a forwarded connection: handshake, every byte, end, right sums and times, no complaint", async (t) => {
  const talk = conversation().after(7);
  const opened = talk.whole().at(-1)?.at ?? 0n;
  const file = await captured(t, exchange(talk, forward(talk, "198.51.100.7", 80)));
  const packets = fields(file, "tcp.flags.str", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tcp.len");
  assert.deepEqual(packets.slice(0, 4), [
    ["··········S·", "127.0.0.1", "40000", "198.51.100.7", "80", "0"],
    ["·······A··S·", "198.51.100.7", "80", "127.0.0.1", "40000", "0"],
    ["·······A····", "127.0.0.1", "40000", "198.51.100.7", "80", "0"],
    ["·······AP···", "127.0.0.1", "40000", "198.51.100.7", "80", String(REQUEST.length)],
  ]);
  assert.deepEqual(
    packets.slice(-4).map(([flags]) => flags),
    ["·······A···F", "·······A····", "·······A···F", "·······A····"],
  );
  assert.ok(packets.every(([, , , , , length]) => Number(length) <= 1460));
  assert.deepEqual(followed(file, 0), { client: REQUEST, server: ANSWER });
  assert.ok(
    fields(file, "tcp.checksum.status", "ip.checksum.status").every(([tcp, ip]) => tcp === "1" && ip === "1"),
  );
  // Nothing lost, repeated, out of order or outside of a window: what it would complain of as warnings.
  // The answer is no HTTP, of which it does complain.
  assert.doesNotMatch(tshark(file, "-q", "-z", "expert,warn"), /\b(TCP|IPv4)\b/);
  assert.deepEqual(fields(file, "tcp.analysis.flags").flat().filter(Boolean), []);
  const [first] = fields(file, "frame.time_epoch");
  const nanoseconds = BigInt(Date.parse(`${STARTED.slice(0, 19)}Z`)) * 1_000_000n + 223_438_000n + opened;
  assert.equal(
    first?.[0],
    `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`,
  );
  assert.match(tshark(file, "-Y", "http.request", "-T", "fields", "-e", "http.host"), /^example\.org\n$/);
});

test("names get addresses that the file names, families go together, and equal claims make connections of their own", async (t) => {
  const talk = new Conversation(SESSION).login();
  for (const [host, origin] of [
    ["c2.example", "127.0.0.1"],
    ["2001:db8::25", "127.0.0.1"],
    ["2001:db8::25", "::1"],
    ["C\x1b]0;x\x07.example", "not an address"],
    ["c2.example", "127.0.0.1"],
  ] as const)
    exchange(talk, forward(talk, host, 25, origin, 7));
  const file = await captured(t, talk);
  const syns = tshark(
    file,
    ...["-Y", "tcp.flags.syn==1 && tcp.flags.ack==0", "-T", "fields"],
    ...[
      "-e",
      "ip.src",
      "-e",
      "ip.dst",
      "-e",
      "ipv6.src",
      "-e",
      "ipv6.dst",
      "-e",
      "tcp.srcport",
      "-e",
      "ip.dst_host",
    ],
  );
  assert.deepEqual(
    syns
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t")),
    [
      ["127.0.0.1", "198.18.0.1", "", "", "7", "c2.example"],
      ["", "", "2001:2::1", "2001:db8::25", "7", ""],
      ["", "", "::1", "2001:db8::25", "7", ""],
      ["198.19.0.1", "198.18.0.2", "", "", "7", "C\\\\x1b]0;x\\\\x07.example"],
      ["127.0.0.1", "198.18.0.1", "", "", "1032", "c2.example"],
    ].map((row) => row.map((value) => value.replaceAll("\\\\", "\\"))),
  );
  for (let stream = 0; stream < 5; stream++)
    assert.deepEqual(followed(file, stream), { client: REQUEST, server: ANSWER });
  assert.ok(fields(file, "tcp.checksum.status").every(([status]) => status === "1"));
  assert.match(
    tshark(file, "-c", "1", "-T", "fields", "-e", "frame.comment"),
    /direct-tcpip to c2\.example port 25, said to come from 127\.0\.0\.1 port 7/,
  );
});

test("one that came to a port of the sandbox's has its client outside", async (t) => {
  const talk = new Conversation(SESSION).login();
  const head = { sender: 9, window: 100_000, maxPacket: 32_768 };
  const ends = [string("10.200.0.2"), u32(8080), string("203.0.113.5"), u32(5555)];
  talk.packet("upstream", buildChannelOpen("forwarded-tcpip", head, ...ends));
  talk.packet("downstream", buildChannelOpenConfirmation({ recipient: 9, ...head, sender: 4 }));
  talk.packet("upstream", buildChannelData(4, REQUEST)).packet("downstream", buildChannelData(9, "answer"));
  talk.packet("downstream", buildChannelSignal("channel-close", 9));
  const file = await captured(t, talk);
  assert.deepEqual(fields(file, "ip.src", "tcp.srcport")[0], ["203.0.113.5", "5555"]);
  assert.deepEqual(followed(file, 0), { client: REQUEST, server: Buffer.from("answer") });
  // Closed without an end of its data: broken off.
  assert.equal(fields(file, "tcp.flags.str").at(-1)?.[0], "·······A·R··");
});

test("one that was refused is refused; one without an answer stays a question", async (t) => {
  const talk = new Conversation(SESSION).login();
  const ends = [string("192.0.2.9"), u32(22), string("127.0.0.1"), u32(1)];
  for (const sender of [0, 1])
    talk.packet("downstream", buildChannelOpen("direct-tcpip", { sender, window: 1, maxPacket: 1 }, ...ends));
  talk.packet("upstream", buildChannelOpenFailure(0, 1, "administratively prohibited"));
  assert.deepEqual(fields(await captured(t, talk), "tcp.stream", "tcp.flags.str"), [
    ["0", "··········S·"],
    ["1", "··········S·"],
    ["0", "·······A·R··"],
  ]);
});

test("tcpdump reads it too, and --channel chooses one", async (t) => {
  const talk = new Conversation(SESSION).login();
  for (const port of [81, 82]) exchange(talk, forward(talk, "192.0.2.9", port));
  const file = await captured(t, talk, 2);
  const told = execFileSync("tcpdump", ["-nnr", file, "-vv"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.match(told, /192\.0\.2\.9\.82: Flags \[S\]/);
  assert.doesNotMatch(told, /\.81: |incorrect|bad cksum/);
});

test("where nothing was forwarded, no file is left and it is said", async (t) => {
  const output = join(ownFolder(t), "none.pcapng");
  const session = await recorded(t, conversation().whole());
  await assert.rejects(exported({ session, format: "pcap", output }), /No connection was forwarded/);
  assert.throws(() => execFileSync("test", ["-e", output]));
});

/** One session in which everything happens that SSH can do, and what comes out of its recording by every way there is. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Client, type ClientChannel, type SFTPWrapper } from "ssh2";
import { FOOTER_SIZE } from "../../gateway/recording/seal-footer.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { eventually, mitsubako, run, ssh, startGateway, type Gateway } from "./harness.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const UPLOADED = randomBytes(150_000);
const COPIED = randomBytes(70_000);

/** What a client received on a channel, and sent where that is looked at. */
interface Heard {
  output: Buffer;
  errors: Buffer;
}

/** By their ordinals: the order in which they were asked for. */
const heard: (Heard | undefined)[] = [];
let gateway: Gateway;
let folder: string;
let session = "";
let data: { data: string };
let forwarded: { readonly sent: Buffer; readonly received: Buffer };

before(
  async () => {
    folder = await mkdtemp(join(tmpdir(), "mitsubako-test-record-"));
    gateway = await startGateway({ policy: "deadlines: { drain: 1s }", data: join(folder, "data") });
    data = { data: gateway.data };
    await act();
    const row = await eventually("the session is sealed", async () => {
      const { stdout } = await mitsubako(data, "verify", "--json");
      const [first] = jsonLines(stdout).filter(({ seal }) => seal !== undefined);
      return first;
    });
    session = String(row["session"]);
    assert.equal(row["ledgerLine"], 1);
  },
  { timeout: 180_000 },
);
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe("a session that does everything", () => {
  it("was received as its client saw it, on every channel", async () => {
    for (const [index, one] of heard.entries()) {
      if (one === undefined) continue;
      const { output, errors } = one;
      const played = await mitsubako(data, "play", session, "--raw", "--channel", String(index + 1));
      assert.equal(played.code, 0, played.stderr.toString());
      assert.ok(played.stdout.equals(output), `channel ${index + 1}`);
      if (errors.length > 0) assert.equal(played.stderr.toString(), errors.toString());
    }
  });

  it("json lines hold every byte both ways", async () => {
    const { stdout } = await mitsubako(data, "export", session, "--format", "jsonl");
    const packets = jsonLines(stdout).filter(({ kind }) => kind === "channel-data" || kind === "data");
    for (const [index, one] of heard.entries()) {
      if (one === undefined) continue;
      const got = packets
        .filter(({ from, channel }) => from === "upstream" && channel === index + 1)
        .map(({ payload }) => Buffer.from(String(payload), "base64").subarray(9));
      assert.ok(Buffer.concat(got).equals(one.output), `channel ${index + 1}`);
    }
  });

  it("asciicast of both versions, ttylog, typescript and text tell the terminal", async () => {
    const [shell] = heard;
    const text = shell?.output.toString("utf8") ?? "";
    for (const format of ["asciicast", "asciicast-v2"]) {
      const [header, ...events] = String((await mitsubako(data, "export", session, "-f", format)).stdout)
        .trimEnd()
        .split("\n")
        .filter((line) => !line.startsWith("#"))
        .map((line) => JSON.parse(line) as unknown);
      assert.equal((header as { version: number }).version, format === "asciicast" ? 3 : 2);
      const told = events as [number, string, string][];
      assert.equal(told.filter(([, kind]) => kind === "o").map(([, , data]) => data).join(""), text); // prettier-ignore
      assert.ok(told.some(([, kind, size]) => kind === "r" && size === "132x40"));
      assert.ok(told.some(([, kind, label]) => kind === "m" && label.startsWith("echo größe")));
    }
    const typescript = join(folder, "typescript");
    await exported("typescript", typescript);
    const body = readFileSync(join(typescript, "typescript"));
    assert.ok(body.includes(shell?.output ?? "-"));
    const ttylog = join(folder, "tty.log");
    await exported("ttylog", ttylog);
    assert.ok(outputOf(readFileSync(ttylog)).equals(shell?.output ?? Buffer.alloc(1)));
    const read = await mitsubako(data, "export", session, "-f", "text");
    assert.match(read.stdout.toString(), /^größe 24 80$[^]*^größe 40 132$/m);
    assert.match(read.stdout.toString(), /--- full screen ---[^]*PID[^]*--- end of full screen ---/);
  });

  it("files are what was sent and fetched, by SFTP and SCP", async () => {
    const files = join(folder, "files");
    await exported("files", files);
    const told = JSON.parse(readFileSync(join(files, "files.json"), "utf8")) as unknown;
    const all = (Array.isArray(told) ? told : (told as { files: unknown[] }).files) as Record<
      string,
      unknown
    >[];
    const found = all.map(({ file, path, direction, way, whole, sha256: said }) => {
      assert.equal(sha256(readFileSync(join(files, String(file)))), said);
      return `${String(direction)} ${String(way)} ${String(path)} ${String(whole)} ${String(said)}`;
    });
    assert.deepEqual(found.sort(), [
      `download scp /tmp/by-scp true ${sha256(COPIED)}`,
      // This client stops at the size that it was told, and never reads the end.
      `download sftp /tmp/by-sftp true ${sha256(UPLOADED)}`,
      `upload scp /tmp/by-scp true ${sha256(COPIED)}`,
      `upload sftp /tmp/by-sftp true ${sha256(UPLOADED)}`,
    ]);
  });

  it("the forwarded connection is a pcap that tshark reads, to the byte", async () => {
    const pcap = join(folder, "forward.pcapng");
    await exported("pcap", pcap);
    const { stdout } = await run("tshark", [
      "-r",
      pcap,
      "-T",
      "fields",
      "-e",
      "tcp.dstport",
      "-e",
      "tcp.payload",
    ]);
    const payloads = stdout.toString().split("\n").map((line) => line.split("\t")); // prettier-ignore
    const to = (isServer: boolean) =>
      Buffer.concat(payloads.filter(([port]) => (port === "22") === isServer).map(([, hex = ""]) => Buffer.from(hex.replaceAll(":", ""), "hex"))); // prettier-ignore
    assert.ok(to(true).equals(forwarded.sent));
    assert.ok(to(false).equals(forwarded.received));
  });

  it("a page is made of it", async () => {
    const page = join(folder, "page.html");
    await exported("html", page);
    assert.match(readFileSync(page, "utf8"), /^<!doctype html>/i);
  });

  it("is found by what was run, brought, typed and reached", async () => {
    for (const words of [["größe"], ["by-sftp"], ["by-scp"], ["head -c 5000"], ["s3cr3t"]]) {
      const { stdout } = await mitsubako(data, "search", "--json", ...words);
      const found = jsonLines(stdout).map((row) => String(row["session"] ?? row["id"]));
      assert.ok(found.includes(session), `${words.join(" ")}: ${stdout.toString()}`);
    }
    const none = await mitsubako(data, "search", "--json", "never-said");
    assert.equal(none.stdout.toString(), "");
  });

  it("a changed byte is named wherever it is", async () => {
    const path = join(gateway.data, await pathOf());
    const whole = readFileSync(path);
    const changed = join(folder, "changed.mbr");
    copyFileSync(path, changed);
    const places = Array.from({ length: 60 }, (_, step) => Math.floor((whole.length * step) / 60));
    const last = Array.from({ length: FOOTER_SIZE }, (_, back) => whole.length - 1 - back);
    for (const place of [...places, ...last]) {
      const bytes = Buffer.from(whole);
      bytes[place] = (bytes[place] ?? 0) ^ 0x20;
      writeFileSync(changed, bytes);
      assert.ok((await verify(changed)).firstBad, `byte ${place}`);
    }
    await using source = await openSource(path);
    assert.ok((source.sealed?.index.frames.length ?? 0) > 1);
  });

  it("index, events and story made again are as they were; the gateway must have ended for that", async () => {
    const refused = await mitsubako(data, "rebuild");
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr.toString(), /Another gateway works on/);
    assert.equal(await gateway.stop(), 0);
    const before = await story();
    const live = eventsIn(join(gateway.data, "events/mitsubako.json"));
    const events = join(folder, "events");
    const rebuilt = await mitsubako(data, "rebuild", "--events", events);
    assert.equal(rebuilt.code, 0, rebuilt.stderr.toString());
    assert.deepEqual(eventsIn(join(events, "mitsubako.json")), live);
    assert.ok(live.length > 15);
    assert.deepEqual(await story(), before);
    const { code, stdout } = await mitsubako(data, "verify");
    assert.equal(code, 0, stdout.toString());
    await using again = await startGateway({ data: gateway.data });
    assert.equal((await ssh(again, { user: "root", password: "x", from: "127.0.1.9" }, ["true"])).code, 0);
    await eventually("a session after it in the index", async () => {
      const sessions = await mitsubako(again, "sessions", "--json", "--source", "127.0.1.9");
      return jsonLines(sessions.stdout).length > 0 || undefined;
    });
  });
});

/** The session's own; others may have come meanwhile. */
function eventsIn(path: string): Record<string, unknown>[] {
  return jsonLines(readFileSync(path)).filter((event) => event["session"] === session);
}

async function story(): Promise<unknown> {
  const [row] = jsonLines((await mitsubako(data, "sessions", "--json")).stdout);
  const show = JSON.parse((await mitsubako(data, "show", session, "--json")).stdout.toString()) as object;
  return { row: { ...row, files: undefined }, show: { ...show, files: undefined } };
}

async function pathOf(): Promise<string> {
  const { stdout } = await mitsubako(data, "sessions", "--json");
  return String(jsonLines(stdout).find(({ id }) => id === session)?.["recording"]);
}

async function exported(format: string, to: string): Promise<void> {
  const { code, stderr } = await mitsubako(data, "export", session, "--format", format, "-o", to);
  assert.equal(code, 0, stderr.toString());
}

/** As a program that knows ttylog's records: 24 bytes, little-endian: operation, tty, length, direction, seconds, microseconds. */
function outputOf(log: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < log.length; at += 24 + log.readUInt32LE(at + 8))
    if (log.readUInt32LE(at) === 3 && log.readUInt32LE(at + 12) === 2)
      parts.push(log.subarray(at + 24, at + 24 + log.readUInt32LE(at + 8)));
  return Buffer.concat(parts);
}

async function act(): Promise<void> {
  const client = new ssh2.Client();
  const whereTo = { host: "127.0.0.1", port: gateway.port, readyTimeout: 60_000 };
  client.connect({ ...whereTo, username: "root", password: "s3cr3t-pass" });
  await once(client, "ready");
  await shell(client);
  // Two at once.
  await Promise.all([
    exec(client, "for i in 1 2 3 4 5; do echo one $i; echo problem $i >&2; sleep 0.1; done"),
    exec(client, "for i in 1 2 3 4 5; do head -c 5000 /dev/urandom; sleep 0.1; done"),
  ]);
  await bySftp(client);
  await byScp(client);
  await forward(client);
  client.end();
  await once(client, "close");
}

async function shell(client: Client): Promise<void> {
  const { stream, said, closed } = await opened((done) =>
    client.shell({ cols: 80, rows: 24, term: "xterm" }, done),
  );
  const until = (what: RegExp) =>
    eventually(`${what.source} on the terminal`, () =>
      Promise.resolve(what.test(said.output.toString()) || undefined),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}, which shows ${JSON.stringify(said.output.toString())}`);
    });
  await until(/[#$] $/);
  stream.write("echo größe $(stty size)\r");
  await until(/größe 24 80\r\n/);
  stream.setWindow(40, 132, 0, 0);
  await sleep(200);
  stream.write("echo größe $(stty size)\r");
  await until(/größe 40 132\r\n/);
  // A full-screen program: the other screen, and back.
  stream.write("tput smcup; ps -e | head -n 5; sleep 0.3; tput rmcup; echo all do''ne\r");
  await until(/all done\r\n/);
  stream.end("exit 3\r");
  await closed;
}

async function exec(client: Client, command: string): Promise<void> {
  const { closed } = await opened((done) => client.exec(command, done));
  await closed;
}

/** What passes on its channel is the protocol's, which the client keeps to itself: the files are compared. */
async function bySftp(client: Client): Promise<void> {
  heard.push(undefined);
  const sftp = await called<SFTPWrapper>((done) => client.sftp(done));
  await called<undefined>((done) => {
    sftp.writeFile("/tmp/by-sftp", UPLOADED, (error) => {
      done(error ?? undefined, undefined);
    });
  });
  const back = await called<Buffer>((done) => {
    sftp.readFile("/tmp/by-sftp", done);
  });
  assert.ok(back.equals(UPLOADED));
  const closed = once(sftp, "close");
  sftp.end();
  await closed;
}

async function byScp(client: Client): Promise<void> {
  const up = await opened((done) => client.exec("scp -t /tmp/by-scp", done));
  up.stream.end(Buffer.concat([Buffer.from(`C0644 ${COPIED.length} by-scp\n`), COPIED, Buffer.from([0])]));
  await up.closed;
  const down = await opened((done) => client.exec("scp -f /tmp/by-scp", done));
  down.stream.end(Buffer.from([0, 0, 0]));
  await down.closed;
  assert.ok(down.said.output.includes(COPIED));
}

async function forward(client: Client): Promise<void> {
  const { stream, said, closed } = await opened((done) =>
    client.forwardOut("127.0.0.1", 4000, "127.0.0.1", 22, done),
  );
  const sent = Buffer.from("not SSH\r\n"); // at which that sshd says no and closes
  stream.end(sent);
  await closed;
  forwarded = { sent, received: said.output };
}

/** Asks for a channel, and keeps what comes on it. */
async function opened(
  call: (done: (error: Error | undefined, stream: ClientChannel) => void) => unknown,
): Promise<{ stream: ClientChannel; said: Heard; closed: Promise<unknown> }> {
  const said: Heard = { output: Buffer.alloc(0), errors: Buffer.alloc(0) };
  heard.push(said);
  return new Promise((resolve, reject) => {
    call((error, stream) => {
      if (error) {
        reject(error);
        return;
      }
      // At once: all of a short answer may come in the packet that brings the channel.
      stream.on("data", (chunk: Buffer) => (said.output = Buffer.concat([said.output, chunk])));
      stream.stderr.on("data", (chunk: Buffer) => (said.errors = Buffer.concat([said.errors, chunk])));
      resolve({ stream, said, closed: once(stream, "close") });
    });
  });
}

function called<T>(call: (done: (error: Error | undefined, value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

function jsonLines(text: Buffer): Record<string, unknown>[] {
  return text
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

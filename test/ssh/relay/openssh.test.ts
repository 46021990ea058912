/** What OpenSSH's own client and others do through the relay to a real sshd. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import ssh2, { type ClientChannel } from "ssh2";
import { parseConnectionMessage } from "../../../gateway/ssh/messages/message.ts";
import { startFront, type Front, type FrontSession } from "./front.ts";
import { run, sha256, sshOptions, start } from "./programs.ts";
import { startSshd, type Sshd } from "./sshd.ts";

const MEGABYTES_10 = 10 * 2 ** 20;

let sshd: Sshd;
let front: Front;
const cleanups: AsyncDisposable[] = [];

before(async () => {
  sshd = await startSshd("AcceptEnv MITSUBAKO_*");
  front = await startFront(sshd);
  cleanups.push(front, sshd);
});

after(async () => {
  for (const cleanup of cleanups) await cleanup[Symbol.asyncDispose]();
});

function target(port = front.port): string[] {
  return ["-p", String(port), `${sshd.user}@127.0.0.1`];
}

function ssh(args: readonly string[], command: string, options: Parameters<typeof run>[2] = {}) {
  return run("ssh", [...args, ...sshOptions(sshd.folder), ...target(), command], options);
}

/** Requests of one name that the last session saw. */
function requests(session: FrontSession | undefined, kind: string) {
  return (session?.taped ?? []).flatMap(([from, bytes]) => {
    const message = parseConnectionMessage(bytes);
    return (message.kind === "channel-request" || message.kind === "global-request") &&
      message.request.kind === kind
      ? [{ from, request: message.request }]
      : [];
  });
}

describe("exec and shell", () => {
  it("keeps stdout, stderr and the exit status apart", async () => {
    const { code, stdout, stderr } = await ssh([], "echo out; echo err >&2; exit 42");
    assert.deepEqual([code, stdout.toString(), stderr], [42, "out\n", "err\n"]);
    assert.deepEqual(
      requests(front.sessions.at(-1), "exit-status").map(({ from }) => from),
      ["upstream"],
    );
  });

  it("passes the exit signal", async () => {
    const { code } = await ssh([], "kill -TERM $$");
    assert.equal(code, 255);
    const [signal] = requests(front.sessions.at(-1), "exit-signal");
    assert.ok(signal?.request.kind === "exit-signal");
    assert.equal(signal.request.signal, "TERM");
  });

  it("half-closes: input ends long before the output does", async () => {
    const { code, stdout } = await ssh([], "cat; sleep 1; echo done; exit 7", { input: "x" });
    assert.deepEqual([code, stdout.toString()], [7, "xdone\n"]);
  });

  it("half-closes: output ends before the input does", async () => {
    const { code, stdout } = await ssh([], "echo first; exec >&- 2>&-; cat > /dev/null; exit 5", {
      input: randomBytes(2 ** 20),
    });
    assert.deepEqual([code, stdout.toString()], [5, "first\n"]);
  });

  it("ends for a client without input (`ssh -n`)", async () => {
    const { code, stdout } = await ssh(["-n"], "cat; echo out");
    assert.deepEqual([code, stdout.toString()], [0, "out\n"]);
  });

  it("gives a terminal of the asked size and its shell", async () => {
    const { code, stdout } = await run("ssh", [...sshOptions(sshd.folder), "-tt", ...target()], {
      input: "stty size; tty; exit 3\n",
      env: { TERM: "xterm-256color" },
    });
    assert.equal(code, 3);
    assert.match(stdout.toString(), /\/dev\/pts\/\d+/);
    const [pty] = requests(front.sessions.at(-1), "pty-req");
    assert.ok(pty?.request.kind === "pty-req");
    assert.equal(pty.request.term, "xterm-256color");
  });

  it("passes the environment that sshd accepts", async () => {
    const { stdout } = await ssh(["-o", "SendEnv=MITSUBAKO_*"], "echo $MITSUBAKO_TEST", {
      env: { MITSUBAKO_TEST: "through" },
    });
    assert.equal(stdout.toString(), "through\n");
  });
});

describe("a terminal of ssh2's client", () => {
  it("changes its size, is sent a signal, and is interrupted", async () => {
    const client = new ssh2.Client();
    client.connect({
      host: "127.0.0.1",
      port: front.port,
      username: sshd.user,
      authHandler: ["none"],
      readyTimeout: 60_000,
    });
    await once(client, "ready");
    try {
      const shell = await new Promise<ClientChannel>((resolve, reject) => {
        client.exec(
          "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done",
          { pty: { rows: 24, cols: 80 } },
          (error, stream) => {
            if (error) reject(error);
            else resolve(stream);
          },
        );
      });
      let text = "";
      shell.on("data", (bytes: Buffer) => (text += bytes.toString()));
      await until(
        () => text === "24 80\r\n",
        () => text,
      );
      shell.setWindow(50, 132, 0, 0);
      await until(
        () => text === "24 80\r\n50 132\r\n",
        () => text,
      );
      // sshd 9.2 delivers signals to sessions of unprivileged users only, and says so; it was asked, which is what counts here.
      shell.signal("TERM");
      await until(
        () => sshd.log().includes("session_signal_req: session signalling requires"),
        () => sshd.log(),
      );
      const ended = once(shell, "exit");
      shell.write("\x03");
      const [code, signal] = (await ended) as [number | null, string | undefined];
      assert.deepEqual([code, signal], [null, "SIGINT"]);
    } finally {
      const closed = once(client, "close");
      client.end();
      await closed;
    }
  });
});

async function until(condition: () => boolean, told = () => ""): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    assert.ok(performance.now() < end, `it did not come to pass in 60 s: ${told()}`);
    await sleep(25);
  }
}

describe("bulk", () => {
  const bytes = randomBytes(MEGABYTES_10);

  it("carries 10 MB up", async () => {
    const { stdout } = await ssh([], "sha256sum", { input: bytes });
    assert.equal(stdout.toString().slice(0, 64), sha256(bytes));
  });

  it("carries 10 MB down, with stderr mixed in", async () => {
    const file = join(sshd.folder, "bulk");
    writeFileSync(file, bytes);
    const { code, stdout, stderr } = await ssh(
      [],
      `for i in $(seq 200); do echo "line $i" >&2; dd if=${file} bs=52429 skip=$((i - 1)) count=1 status=none; done; exit 9`,
    );
    assert.equal(code, 9);
    assert.equal(sha256(stdout), sha256(bytes));
    assert.equal(stderr, Array.from({ length: 200 }, (_, index) => `line ${index + 1}\n`).join(""));
  });

  it("carries 10 MB both ways at once", async () => {
    const { stdout } = await ssh([], "cat", { input: bytes });
    assert.equal(sha256(stdout), sha256(bytes));
  });

  it("waits for a slow reader, and loses nothing", async () => {
    const child = start(
      "ssh",
      [...sshOptions(sshd.folder), "-n", ...target(), `cat ${join(sshd.folder, "bulk")}`],
      ["ignore", "pipe", "inherit"],
    );
    const parts: Buffer[] = [];
    assert.ok(child.stdout);
    for await (const part of child.stdout as AsyncIterable<Buffer>) {
      parts.push(part);
      if (parts.length % 20 === 0) await sleep(20);
    }
    assert.equal(sha256(Buffer.concat(parts)), sha256(bytes));
  });

  for (const cipher of ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr"]) {
    it(`carries both ways while the client rekeys, with ${cipher}`, async () => {
      const { stdout } = await ssh(["-c", cipher, "-o", "RekeyLimit=1M"], "cat", { input: bytes });
      assert.equal(sha256(stdout), sha256(bytes));
    });
  }

  it("carries both ways while the sandbox's sshd rekeys", async () => {
    await using rekeying = await startSshd("RekeyLimit 1M");
    await using ahead = await startFront(rekeying, { keep: false });
    const { stdout } = await run("ssh", [...sshOptions(sshd.folder), ...target(ahead.port), "cat"], {
      input: bytes,
    });
    assert.equal(sha256(stdout), sha256(bytes));
  });

  it("carries both ways while both legs rekey, compressed", async () => {
    await using rekeying = await startSshd("RekeyLimit 1M");
    await using ahead = await startFront(rekeying, { keep: false });
    const { stdout } = await run(
      "ssh",
      [...sshOptions(sshd.folder), "-C", "-o", "RekeyLimit=700K", ...target(ahead.port), "cat"],
      { input: bytes },
    );
    assert.equal(sha256(stdout), sha256(bytes));
  });

  it("compresses (`ssh -C`)", async () => {
    const text = Buffer.alloc(MEGABYTES_10, "compressible ");
    const { stdout } = await ssh(["-C"], "cat", { input: text });
    assert.equal(sha256(stdout), sha256(text));
  });
});

describe("many channels", () => {
  it("serves several sessions on one connection (ControlMaster)", async () => {
    const control = join(sshd.folder, "control");
    const before = front.sessions.length;
    const options = [...sshOptions(sshd.folder), "-o", `ControlPath=${control}`];
    const master = start("ssh", [...options, "-M", "-N", ...target()], "ignore");
    try {
      for (let round = 0; round < 100; round++) {
        if ((await run("ssh", [...options, "-O", "check", ...target()])).code === 0) break;
        await sleep(50);
      }
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          run("ssh", [...options, ...target(), `cat; exit ${index}`], { input: `channel ${index}` }),
        ),
      );
      assert.deepEqual(
        outcomes.map(({ code, stdout }) => [code, stdout.toString()]),
        Array.from({ length: 8 }, (_, index) => [index, `channel ${index}`]),
      );
      assert.equal(front.sessions.length, before + 1);
    } finally {
      const exit = once(master, "exit");
      await run("ssh", [...options, "-O", "exit", ...target()]);
      await exit;
    }
  });

  it("forwards ports: -L, -R, -D and -W", async () => {
    await using echo = await startEcho();
    const [local, socks] = [await freePort(), await freePort()];
    const bytes = randomBytes(2 ** 20);
    const forward = start(
      "ssh",
      [
        ...["-o", "LogLevel=INFO", "-N", "-o", "ExitOnForwardFailure=yes"], // The first value of an option counts.
        ...sshOptions(sshd.folder),
        ...["-L", `127.0.0.1:${local}:127.0.0.1:${echo.port}`],
        ...["-D", `127.0.0.1:${socks}`],
        ...["-R", `127.0.0.1:0:127.0.0.1:${echo.port}`],
        ...target(),
      ],
      ["ignore", "ignore", "pipe"],
    );
    try {
      const remote = await allocatedPort(forward.stderr);
      for (const port of [local, remote]) assert.equal(sha256(await exchange(port, bytes)), sha256(bytes));
      const request = ["-s", "--http0.9", "-m", "60", "--socks5", `127.0.0.1:${socks}`];
      const { stdout } = await run("curl", [...request, `http://127.0.0.1:${echo.port}/`]);
      assert.match(stdout.toString(), /^GET \/ HTTP\/1\.1\r\n/, "the request itself, come back");
    } finally {
      const exit = once(forward, "exit");
      forward.kill();
      await exit;
    }
    const stdio = await run(
      "ssh",
      [...sshOptions(sshd.folder), "-W", `127.0.0.1:${echo.port}`, ...target()],
      { input: bytes },
    );
    assert.equal(sha256(stdio.stdout), sha256(bytes));
  });
});

describe("files", () => {
  const bytes = randomBytes(3 * 2 ** 20);

  for (const [name, program, args] of [
    ["scp", "scp", []],
    ["scp -O", "scp", ["-O"]],
  ] as const) {
    it(`copies with ${name} both ways`, async () => {
      const folder = join(sshd.folder, `copy${args.length}`);
      mkdirSync(folder);
      writeFileSync(join(folder, "here"), bytes);
      const remote = `${sshd.user}@127.0.0.1:${folder}`;
      const options = [...sshOptions(sshd.folder), ...args, "-P", String(front.port)];
      const up = await run(program, [...options, join(folder, "here"), `${remote}/there`]);
      assert.equal(up.code, 0, up.stderr);
      const down = await run(program, [...options, `${remote}/there`, join(folder, "back")]);
      assert.equal(down.code, 0, down.stderr);
      assert.equal(sha256(readFileSync(join(folder, "back"))), sha256(bytes));
    });
  }

  it("copies with sftp both ways", async () => {
    const folder = join(sshd.folder, "sftp");
    mkdirSync(folder);
    writeFileSync(join(folder, "here"), bytes);
    const batch = `put ${folder}/here ${folder}/there\nget ${folder}/there ${folder}/back\nls -l ${folder}\n`;
    const outcome = await run(
      "sftp",
      [...sshOptions(sshd.folder), "-b", "-", "-P", String(front.port), `${sshd.user}@127.0.0.1`],
      { input: batch },
    );
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.equal(sha256(readFileSync(join(folder, "back"))), sha256(bytes));
  });
});

describe("what runs beside the channels", () => {
  // Unanswered, four of them end a connection after five seconds. A busy machine answers one of the four.
  it("answers keepalives", async () => {
    const { code, stdout } = await ssh(
      ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=4"],
      "sleep 7; echo alive",
    );
    assert.deepEqual([code, stdout.toString()], [0, "alive\n"]);
    assert.ok(requests(front.sessions.at(-1), "keepalive@openssh.com").length >= 1);
  });

  it("lets sshd's own keepalives through", async () => {
    await using alive = await startSshd("ClientAliveInterval 1", "ClientAliveCountMax 4");
    await using ahead = await startFront(alive);
    const { code, stdout } = await run("ssh", [
      ...sshOptions(sshd.folder),
      ...target(ahead.port),
      "sleep 7; echo alive",
    ]);
    assert.deepEqual([code, stdout.toString()], [0, "alive\n"]);
  });

  it("proves host keys that the client did not know (UpdateHostKeys)", async () => {
    const known = join(sshd.folder, "known_for_update");
    const options = ["-o", "UpdateHostKeys=yes", "-o", `UserKnownHostsFile=${known}`];
    rmSync(known, { force: true });
    // The first connection writes down the key it saw; only one that was known before can vouch for others. It lasts until they are there.
    const written = `for i in $(seq 600); do [ $(wc -l <${known}) -ge 3 ] && break; sleep 0.1; done`;
    for (const [args, command] of [
      [[], "true"],
      [["-o", "LogLevel=DEBUG2"], written],
    ] as const) {
      const outcome = await run("ssh", [
        ...options,
        ...args,
        ...sshOptions(sshd.folder),
        ...target(),
        command,
      ]);
      assert.equal(outcome.code, 0, outcome.stderr);
    }
    const kinds = readFileSync(known, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[1]);
    assert.deepEqual(kinds.sort(), ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]);
    assert.ok(
      front.sessions.some(({ localReplies }) => localReplies.includes("hostkeys-prove-00@openssh.com")),
    );
  });

  it("shows sshd's debug lines where sshd shows them", async () => {
    await using ahead = await startFront(sshd, { debugLines: ["key options: pty", "key options: pty"] });
    const { stderr } = await run("ssh", [
      ...["-o", "LogLevel=DEBUG1"],
      ...sshOptions(sshd.folder),
      ...target(ahead.port),
      "true",
    ]);
    assert.match(stderr, /hostkeys-00@openssh\.com[^]*Remote: key options: pty[^]*Remote: key options: pty/);
  });
});

describe("ends", () => {
  it("gives the client all there was when sshd dies in mid-transfer, and then the end", async () => {
    await using mortal = await startSshd();
    await using ahead = await startFront(mortal, { keep: false });
    const outcome = run("ssh", [
      ...sshOptions(sshd.folder),
      ...target(ahead.port),
      "head -c 3000000 /dev/zero; kill -9 $PPID; sleep 5",
    ]);
    const { code, stdout } = await outcome;
    assert.equal(code, 255);
    assert.ok(stdout.length > 0);
    // The client may have its bytes and be gone before this side has been told of the end.
    assert.equal((await ahead.sessions[0]?.relay?.ended)?.kind, "upstream");
  });

  it("tells sshd when the client is killed", async () => {
    const child = start(
      "ssh",
      [...sshOptions(sshd.folder), "-n", ...target(), "echo up; sleep 60"],
      ["ignore", "pipe", "inherit"],
    );
    assert.ok(child.stdout);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    const session = front.sessions.at(-1);
    assert.ok(session?.relay);
    assert.equal((await session.relay.ended).kind, "client");
  });

  it("passes the client's DISCONNECT on", async () => {
    const said = /Received disconnect from 127\.0\.0\.1 port \d+:11: disconnected by user/g;
    const before = sshd.log().match(said)?.length ?? 0;
    await ssh([], "true");
    const end = await front.sessions.at(-1)?.relay?.ended;
    assert.ok(end?.kind === "client" && end.end.kind === "disconnect");
    assert.equal(end.end.code, 11);
    await until(
      () => (sshd.log().match(said)?.length ?? 0) > before,
      () => sshd.log(),
    );
  });
});

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Sends back what comes; a connection ends behind a request of HTTP, or with the other side. */
async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).pipe(socket);
    socket.on("data", (chunk: Buffer) => {
      if (chunk.toString("latin1").endsWith("\r\n\r\n")) socket.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** From ssh's own words for `-R 0:…`, which come once all forwards stand. */
async function allocatedPort(stderr: NodeJS.ReadableStream | null): Promise<number> {
  let text = "";
  for await (const part of stderr ?? []) {
    text += part.toString();
    const match = /Allocated port (\d+)/.exec(text);
    if (match !== null) {
      await sleep(100);
      return Number(match[1]);
    }
  }
  throw new Error(`no forward: ${text}`);
}

/** What comes back from an echo for these bytes. */
async function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = connect(port, "127.0.0.1");
  socket.end(bytes);
  const parts: Buffer[] = [];
  for await (const part of socket as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

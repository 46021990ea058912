/** Clients that are not OpenSSH's: what works for them, and that each of their attempts is kept to the byte. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Client, type ClientCallback, type ClientChannel, type ConnectConfig } from "ssh2";
import { eventually, mitsubako, run, startGateway, type Gateway } from "./harness.ts";

const LOGIN_DEADLINE = 60_000;
/** Of the client that lets it pass. */
const SHORT_DEADLINE = 8000;
const POLICY = `
auth:
  methods: [publickey, password, keyboard-interactive]
  rules:
    - { name: one of a list, source: 127.0.0.1, password: letmein, verdict: accept }
    - { name: the rest of the list, source: 127.0.0.1, verdict: reject }
    - { name: wrong, password: ["wrong*", "no*"], verdict: reject }
deadlines: { login: ${LOGIN_DEADLINE / 1000}s, drain: 1s }
profiles:
  - { name: silent, match: { source: 127.0.6.7 }, deadlines: { login: ${SHORT_DEADLINE / 1000}s } }
`;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

interface Attempt {
  readonly method: string;
  readonly user: string;
  readonly password?: string;
  readonly passwordBytes?: string;
  readonly key?: { readonly blob: string };
  readonly outcome: string;
}
interface Event {
  readonly eventid: string;
  readonly src_ip: string;
  readonly [field: string]: unknown;
}

describe("other people's clients", { concurrency: 4, timeout: 600_000 }, () => {
  let gateway: Gateway;
  let folder: string;
  before(async () => {
    gateway = await startGateway({ policy: POLICY });
    folder = await mkdtemp(join(tmpdir(), "mitsubako-clients-"));
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("dbclient: output, error output, input to its end, exit code, terminal, forward", async () => {
    const common = ["-y", "-y", "-p", String(gateway.port), "-b", "127.0.6.1"];
    const env = { DROPBEAR_PASSWORD: "dröpbear  x", HOME: folder };
    const dbclient = (args: string[], input = "") => run("dbclient", [...common, ...args], { input, env });
    const plain = await dbclient(["root@127.0.0.1", "cat; echo err >&2; exit 7"], "in");
    assert.deepEqual([plain.code, plain.stdout.toString()], [7, "in"], plain.stderr.toString());
    assert.match(plain.stderr.toString(), /^err$/m);
    // It insists on a terminal of its own.
    const onTerminal = ["-qec", `dbclient ${common.join(" ")} -t root@127.0.0.1 'tty; exit 3'`, "/dev/null"];
    const terminal = await run("script", onTerminal, { env });
    assert.equal(terminal.code, 3);
    assert.match(terminal.stdout.toString(), /\/dev\/pts\/\d+\r\n/);
    const forward = await dbclient(["-B", "127.0.0.1:22", "root@127.0.0.1"], "SSH-2.0-x\r\n");
    assert.match(forward.stdout.toString("latin1"), /^SSH-2\.0-OpenSSH_/);
    for (const attempts of await attemptsFrom("127.0.6.1", 3))
      assert.deepEqual(briefly(attempts), [
        ["none", undefined, "refused"],
        ["keyboard-interactive", "dröpbear  x", "accepted"], // which it prefers where it is offered
      ]);
  });

  it("paramiko: none, keys, passwords that are no text, keyboard-interactive; each in show and events", async () => {
    const told = (await paramiko("attempts", "127.0.6.2")) as Record<string, unknown> & { blobs: string[] };
    const { blobs, ...rest } = told;
    assert.deepEqual(rest, {
      none: ["keyboard-interactive", "password", "publickey"],
      keys: ["refused", "refused"],
      password: "refused",
      interactive: "refused",
      prompts: [["Password: ", false]],
      in: true,
    });
    const [attempts = []] = await attemptsFrom("127.0.6.2", 1);
    assert.deepEqual(briefly(attempts), [
      ["none", undefined, "refused"],
      ["publickey", undefined, "refused"],
      ["publickey", undefined, "refused"],
      ["password", "no\ufffd\ufffd\u001b[31m", "refused"],
      ["keyboard-interactive", "wrong ä", "refused"],
      ["keyboard-interactive", "rìght  pass", "accepted"],
    ]);
    const exact = Buffer.from("no\xff\xfe\x1b[31m", "latin1").toString("base64");
    assert.equal(attempts[3]?.passwordBytes, exact);
    const shownKeys = attempts.flatMap(({ key }) => (key ? [key.blob] : []));
    assert.deepEqual(shownKeys, blobs);

    const events = await eventsFrom("127.0.6.2");
    const failed = events.filter(({ eventid }) => eventid === "cowrie.login.failed");
    assert.deepEqual(
      failed.map(({ mitsubako_method: method }) => method),
      ["publickey", "publickey", "password", "keyboard-interactive"],
    );
    assert.equal(failed[2]?.["mitsubako_password_bytes"], exact);
    assert.deepEqual(
      events
        .filter(({ eventid }) => eventid === "cowrie.client.fingerprint")
        .map(({ key }) => String(key).split(" ")[1]),
      blobs,
    );
    const success = events.find(({ eventid }) => eventid === "cowrie.login.success");
    assert.deepEqual(
      [success?.["password"], success?.["mitsubako_method"]],
      ["rìght  pass", "keyboard-interactive"],
    );
  });

  it("paramiko: exec with the end of input, exit status and signal, several channels, SFTP", async () => {
    const told = (await paramiko("channels", "127.0.6.3")) as Record<string, unknown>;
    const { sha256: hash, ...rest } = told;
    assert.deepEqual(rest, {
      exec: [9, "in", "err\n"],
      killed: -1, // paramiko's word for an end without an exit status
      several: [0, 1, 2, 3, 4, 5].map((number) => [`${number}\n`, number]),
      size: 1_000_000,
      same: true,
      listed: true,
      there: hash,
    });
    const uploads = (await eventsFrom("127.0.6.3")).filter(
      ({ eventid }) => eventid === "cowrie.session.file_upload",
    );
    assert.deepEqual(
      uploads.map(({ filename, shasum }) => [filename, shasum]),
      [["/root/by-paramiko", hash]],
    );
  });

  it("hydra finds the one password that is valid; all that it tried is kept", async () => {
    const list = ["123456", "password", "toor", "admin", "P@ssw0rd", "letmein"]; // it stops at the valid one
    const file = join(folder, "passwords");
    await writeFile(file, `${list.join("\n")}\n`);
    const { stdout, stderr } = await run(
      "hydra",
      ["-I", "-l", "root", "-P", file, "-t", "2", "-s", String(gateway.port), "127.0.0.1", "ssh"],
      { cwd: folder, within: 60_000 },
    );
    const found = [...stdout.toString().matchAll(/login: (\S+) +password: (\S+)/g)].map(
      ([, ...pair]) => pair,
    );
    assert.deepEqual(found, [["root", "letmein"]], `${stdout.toString()}${stderr.toString()}`);
    const tried = (await eventsFrom("127.0.0.1")).filter(({ eventid }) =>
      eventid.startsWith("cowrie.login."),
    );
    assert.deepEqual([...new Set(tried.map(({ password }) => password))].sort(), list.toSorted());
    for (const { eventid, password } of tried)
      assert.equal(
        eventid,
        `cowrie.login.${password === "letmein" ? "success" : "failed"}`,
        String(password),
      );
  });

  it("curl puts and gets a file by sftp://", async () => {
    const { stdout: version } = await run("curl", ["--version"]);
    assert.match(
      version.toString(),
      /^Protocols:.* sftp( |$)/m,
      "this test needs a curl that speaks SFTP, as Debian's does",
    );
    const bytes = randomBytes(300_000);
    const local = join(folder, "curl");
    await writeFile(local, bytes);
    const url = `sftp://127.0.0.1:${gateway.port}/tmp/by-curl`;
    const curl = (...args: string[]) =>
      run("curl", ["-sSk", "--interface", "127.0.6.4", "-u", "root:c:url", ...args, url]);
    const put = await curl("-T", local);
    assert.equal(put.code, 0, put.stderr.toString());
    assert.equal(sha256((await curl()).stdout), sha256(bytes));
    const wrong = await run("curl", ["-sSk", "--interface", "127.0.6.4", "-u", "root:other", url]);
    assert.equal(wrong.code, 67, "curl's code for a login that was refused");
    const passwords = (await attemptsFrom("127.0.6.4", 3)).map((attempts) =>
      attempts.flatMap(({ password, outcome }) => (password === undefined ? [] : [[password, outcome]])),
    );
    assert.deepEqual(passwords.slice(0, 2), [[["c:url", "accepted"]], [["c:url", "accepted"]]]);
    assert.ok(passwords[2]?.some(([password, outcome]) => password === "other" && outcome === "refused"));
  });

  it("ssh2: exec, signal, shell, SFTP, forward, keepalives, several channels on one connection", async () => {
    // Answered, or the client gives up after ten seconds.
    const keepalives = { keepaliveInterval: 500, keepaliveCountMax: 20 };
    const client = await connected({ password: "ssh2", localAddress: "127.0.6.5", ...keepalives });
    const silent = sleep(12_000);
    try {
      assert.deepEqual(await exec(client, "cat; exit 4", "in"), { code: 4, signal: undefined, output: "in" });
      assert.deepEqual(await exec(client, "kill -KILL $$"), { code: null, signal: "SIGKILL", output: "" });
      const several = await Promise.all(
        Array.from({ length: 8 }, (_, n) => exec(client, `sleep 0.3; echo ${n}; exit ${n}`)),
      );
      for (const [n, { code, output }] of several.entries()) assert.deepEqual([code, output], [n, `${n}\n`]);

      const window = { rows: 40, cols: 132 };
      const shown = await ended((done) => client.shell(window, done), "stty size; exit 6\n");
      assert.match(shown.output, /\r40 132\r\n/);
      assert.equal(shown.code, 6);

      const sftp = await called<ssh2.SFTPWrapper>((done) => client.sftp(done));
      const bytes = randomBytes(400_000);
      await called<undefined>((done) => {
        sftp.writeFile("/tmp/by-ssh2", bytes, (error) => {
          done(error ?? undefined, undefined);
        });
      });
      const back = await called<Buffer>((done) => {
        sftp.readFile("/tmp/by-ssh2", done);
      });
      assert.equal(sha256(back), sha256(bytes));

      const forwarded = await ended(
        (done) => client.forwardOut("127.0.0.1", 4000, "127.0.0.1", 22, done),
        "not SSH\r\n", // at which that sshd says no and closes
      );
      assert.match(forwarded.output, /^SSH-2\.0-OpenSSH_[^\n]*\nInvalid SSH identification string/);
      await silent;
      assert.equal((await exec(client, "echo still")).output, "still\n");
    } finally {
      client.end();
    }
    const events = await eventsFrom("127.0.6.5");
    const asked = events.find(({ eventid }) => eventid === "cowrie.direct-tcpip.request");
    assert.deepEqual([asked?.["dst_ip"], asked?.["dst_port"]], ["127.0.0.1", 22]);
  });

  it("ssh2: keyboard-interactive and nothing else", async () => {
    const client = await connected(
      { localAddress: "127.0.6.6", tryKeyboard: true, authHandler: ["none", "keyboard-interactive"] },
      (client) =>
        client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) => {
          finish(prompts.map(() => "by hand"));
        }),
    );
    assert.equal((await exec(client, "id -un")).output, "root\n");
    client.end();
    const [attempts = []] = await attemptsFrom("127.0.6.6", 1);
    assert.deepEqual(briefly(attempts), [
      ["none", undefined, "refused"],
      ["keyboard-interactive", "by hand", "accepted"],
    ]);
  });

  it("a client that never authenticates is ended at the login's deadline", async () => {
    const client = new ssh2.Client();
    client.on("error", () => undefined);
    const began = performance.now();
    client.connect({
      ...base("127.0.6.7"),
      readyTimeout: 0,
      authHandler: () => undefined, // never calls back
    });
    await once(client, "close");
    const lasted = performance.now() - began;
    assert.ok(lasted > SHORT_DEADLINE - 500 && lasted < LOGIN_DEADLINE - 5000, `${lasted} ms`);
    const [row] = await sessionsFrom("127.0.6.7", 1);
    assert.deepEqual([row?.loggedIn, row?.endReason], [false, "login-grace"]);
  });

  it("a client that never reads holds up nobody else, and no memory", async () => {
    const socket = createConnection({ port: gateway.port, host: "127.0.0.1", localAddress: "127.0.6.8" });
    await once(socket, "connect");
    const client = await connected({ sock: socket, password: "deaf" });
    const stream = await called<ClientChannel>((done) => client.exec("cat /dev/zero", done));
    await once(stream, "data");
    client.on("error", () => undefined);
    socket.pause();
    const others = await connected({ password: "beside", localAddress: "127.0.6.9" });
    for (let i = 0; i < 5; i++) assert.equal((await exec(others, "echo")).output, "\n");
    others.end();
    await sleep(1000);
    for (const pid of gateway.fronts) {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() =>
        assert.fail(`a front is gone: ${gateway.log().slice(-3000)}`),
      );
      const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
      assert.ok(resident < 300 * 2 ** 20, `a front's memory: ${resident}`);
    }
    socket.destroy();
    const [row] = await sessionsFrom("127.0.6.8", 1);
    assert.equal(row?.endReason, "client-closed");
    assert.ok(row.sent < 100_000_000, `recorded: ${row.sent}`);
  });

  async function paramiko(what: string, source: string): Promise<unknown> {
    const script = join(import.meta.dirname, "client.py");
    const { code, stdout, stderr } = await run("/usr/bin/python3", [
      script,
      what,
      String(gateway.port),
      source,
    ]);
    assert.equal(code, 0, stderr.toString());
    return JSON.parse(stdout.toString());
  }

  function base(source: string): ConnectConfig {
    return { host: "127.0.0.1", port: gateway.port, localAddress: source, username: "root" };
  }

  async function connected(config: ConnectConfig, prepare?: (client: Client) => void): Promise<Client> {
    const client = new ssh2.Client();
    prepare?.(client);
    const ready = once(client, "ready");
    client.connect({ ...base("127.0.6.5"), readyTimeout: LOGIN_DEADLINE, ...config });
    await ready;
    return client;
  }

  interface Row {
    readonly id: string;
    readonly state: string;
    readonly loggedIn: boolean;
    readonly endReason?: string;
    readonly sent: number;
  }
  /** Finished sessions of a source, the earliest first, once there are so many. */
  function sessionsFrom(source: string, least: number): Promise<Row[]> {
    return eventually(`${least} finished sessions from ${source}`, async () => {
      const { stdout } = await mitsubako(gateway, "sessions", "--json", "--source", source);
      const rows = jsonLines(stdout.toString()) as Row[];
      return rows.length >= least && rows.every(({ state }) => state === "ended")
        ? rows.reverse()
        : undefined;
    });
  }

  async function attemptsFrom(source: string, least: number): Promise<Attempt[][]> {
    const rows = await sessionsFrom(source, least);
    return Promise.all(
      rows.map(async ({ id }) => {
        const { stdout } = await mitsubako(gateway, "show", "--json", id);
        const { observations } = JSON.parse(stdout.toString()) as {
          observations: (Attempt & { kind: string })[];
        };
        return observations.filter(({ kind }) => kind === "tried");
      }),
    );
  }

  /** Events of a source whose sessions are all closed. */
  function eventsFrom(source: string): Promise<Event[]> {
    return eventually(`the events of ${source}`, async () => {
      const text = await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8");
      const events = (jsonLines(text) as Event[]).filter(({ src_ip: from }) => from === source);
      const count = (id: string) => events.filter(({ eventid }) => eventid === id).length;
      const closed = count("cowrie.session.closed");
      return closed > 0 && closed === count("cowrie.session.connect") ? events : undefined;
    });
  }
});

function jsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

function briefly(attempts: readonly Attempt[]): unknown[] {
  return attempts.map(({ method, password, outcome }) => [method, password, outcome]);
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | undefined;
  readonly output: string;
}

function exec(client: Client, command: string, input = ""): Promise<Ended> {
  return ended((done) => client.exec(command, done), input);
}

/** Listens from the callback on: all of a short command's answer may come in the packet that brings the channel. */
function ended(start: (done: ClientCallback) => unknown, input: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    start((error, stream) => {
      if (error) {
        reject(error);
        return;
      }
      const output: Buffer[] = [];
      let exit: [number | null, string | undefined] = [null, "none was told"];
      stream.on("data", (chunk: Buffer) => output.push(chunk));
      stream.on("exit", (code: number | null, signal?: string) => (exit = [code, signal]));
      stream.once("close", () => {
        resolve({ code: exit[0], signal: exit[1], output: Buffer.concat(output).toString() });
      });
      stream.end(input);
    });
  });
}

/** A call that answers by callback. */
function called<T>(call: (done: (error: Error | undefined, value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

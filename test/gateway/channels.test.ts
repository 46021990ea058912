/** Everything that a real server does over SSH, through the gateway into a real sandbox, with OpenSSH's own clients. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePort } from "../ssh/free-port.ts";
import { clientOptions, eventually, run, ssh, startGateway, withPassword, type Gateway } from "./harness.ts";

const TEN_MEGABYTES = 10_000_000;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a session's channels, through the gateway into the sandbox", { concurrency: 2 }, () => {
  let gateway: Gateway;
  let folder: string;
  const who = { user: "root", password: "toor", from: "127.0.0.1" };

  before(async () => {
    gateway = await startGateway();
    folder = await mkdtemp(join(tmpdir(), "mitsubako-channels-"));
    assert.equal((await ssh(gateway, who, ["true"])).code, 0, "the first login");
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("exec: output, error output and exit status stay apart", async () => {
    const { code, stdout, stderr } = await ssh(gateway, who, ["echo out; echo err >&2; exit 7"]);
    assert.deepEqual([code, stdout.toString(), stderr.toString()], [7, "out\n", "err\n"]);
  });

  it("the output and the exit status that come after the end of input are not lost", async () => {
    const { code, stdout } = await ssh(gateway, who, ["cat; sleep 1; echo done; exit 7"], { input: "x" });
    assert.deepEqual([code, stdout.toString()], [7, "xdone\n"]);
  });

  it("the end of output does not end input", async () => {
    const { code } = await ssh(gateway, who, ["exec >&-; cat >/tmp/after-eof; exit 3"], {
      input: "still read",
    });
    assert.equal(code, 3);
    assert.equal((await ssh(gateway, who, ["cat /tmp/after-eof"])).stdout.toString(), "still read");
  });

  it("without input (ssh -n)", async () => {
    assert.equal(
      (await ssh(gateway, { ...who, options: ["-n"] }, ["echo still here"])).stdout.toString(),
      "still here\n",
    );
  });

  it("a signal's death is told as a signal", async () => {
    const { code } = await ssh(gateway, who, ["kill -TERM $$"]);
    assert.equal(code, 255, "ssh answers an exit-signal with 255");
  });

  it("environment: what sshd lets through arrives, what it does not let through does not", async () => {
    const options = ["-o", "SendEnv=LC_MITSUBAKO MITSUBAKO_OTHER"];
    const env = { LC_MITSUBAKO: "yes", MITSUBAKO_OTHER: "no" };
    const { stdout } = await ssh(gateway, { ...who, options }, ['echo "$LC_MITSUBAKO,$MITSUBAKO_OTHER"'], {
      env,
    });
    assert.equal(stdout.toString(), "yes,\n");
  });

  it("a terminal: it is one, has its size and type, and its shell runs", async () => {
    const { stdout } = await ssh(gateway, { ...who, options: ["-tt"] }, ["tty; stty size; echo $TERM"], {
      env: { TERM: "xterm-256color" },
    });
    assert.match(stdout.toString(), /^\/dev\/pts\/\d+\r\n\d+ \d+\r\nxterm-256color\r\n$/);
    const shell = await ssh(gateway, { ...who, options: ["-tt"] }, [], { input: "echo $((6*7)); exit 5\n" });
    assert.equal(shell.code, 5);
    assert.match(shell.stdout.toString(), /\r42\r\n/);
  });

  it("a change of the window's size and a break reach the program", async () => {
    const session = `mitsubako-test-${process.pid}-size`;
    const command = [
      "sshpass",
      "-e",
      "ssh",
      "-p",
      String(gateway.port),
      ...clientOptions(who),
      "root@127.0.0.1",
    ];
    const env = { SSHPASS: who.password };
    await run("tmux", ["-L", session, "new-session", "-d", "-x", "90", "-y", "30", ...command], { env });
    try {
      await eventually("a prompt", () => shows(session, /# ?$/m));
      await run("tmux", ["-L", session, "send-keys", "stty size", "Enter"]);
      await eventually("the first size", () => shows(session, /^30 90$/m));
      await run("tmux", ["-L", session, "resize-window", "-x", "101", "-y", "37"]);
      // What is typed may come before the word of the new size.
      await eventually("the second size", async () => {
        await run("tmux", ["-L", session, "send-keys", "stty size", "Enter"]);
        return shows(session, /^37 101$/m);
      });
      // ssh sends a BREAK request for ~B after a new line; a terminal without job control to interrupt goes on.
      await run("tmux", ["-L", session, "send-keys", "Enter", "~B", "Enter"]);
      await run("tmux", ["-L", session, "send-keys", "echo after-$((1+1))", "Enter"]);
      await eventually("the shell after a break", () => shows(session, /^after-2$/m));
    } finally {
      await run("tmux", ["-L", session, "kill-server"]);
    }
  });

  it("10 MB up, down, and both at once with error output mixed in, arrive to the byte", async () => {
    const bytes = randomBytes(TEN_MEGABYTES);
    const up = await ssh(gateway, who, ["sha256sum"], { input: bytes });
    assert.equal(up.stdout.toString().split(" ")[0], sha256(bytes));

    const down = await ssh(gateway, who, [
      `openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c ${TEN_MEGABYTES} | tee >(sha256sum >&2)`,
    ]);
    assert.equal(down.stdout.length, TEN_MEGABYTES);
    assert.equal(down.stderr.toString().split(" ")[0], sha256(down.stdout));

    const both = await ssh(gateway, who, ["tee >(cat >&2)"], { input: bytes });
    assert.equal(sha256(both.stdout), sha256(bytes));
    assert.equal(sha256(both.stderr), sha256(bytes));
  });

  it("rekeying in mid-stream, compression, and every cipher carry 10 MB to the byte", async () => {
    const bytes = randomBytes(TEN_MEGABYTES);
    for (const option of [
      "RekeyLimit=1M",
      "Compression=yes",
      "Ciphers=chacha20-poly1305@openssh.com",
      "Ciphers=aes256-ctr",
      "Ciphers=aes128-gcm@openssh.com",
    ]) {
      const { stdout } = await ssh(gateway, { ...who, options: ["-o", option] }, ["cat"], { input: bytes });
      assert.equal(sha256(stdout), sha256(bytes), option);
    }
  });

  it("sftp, scp and the old scp, there and back", async () => {
    const bytes = randomBytes(3_000_000);
    const local = join(folder, "there");
    await writeFile(local, bytes);
    const target = `root@127.0.0.1:/tmp/`;
    for (const [name, old] of [
      ["new", []],
      ["old", ["-O"]],
    ] as const) {
      const scp = (...paths: string[]) =>
        withPassword(who, ["scp", ...old, "-P", String(gateway.port), ...clientOptions(who), ...paths]);
      assert.equal((await scp(local, `${target}${name}`)).code, 0);
      assert.equal((await scp(`${target}${name}`, join(folder, name))).code, 0);
      assert.equal(sha256(await readFile(join(folder, name))), sha256(bytes), name);
    }
    const batch = join(folder, "batch");
    await writeFile(
      batch,
      `put ${local} /tmp/by-sftp\nls -l /tmp/by-sftp\nget /tmp/by-sftp ${folder}/back\nrm /tmp/by-sftp\n`,
    );
    const sftp = [
      "sftp",
      "-P",
      String(gateway.port),
      ...clientOptions(who),
      "-o",
      "BatchMode=no",
      "-b",
      batch,
      "root@127.0.0.1",
    ];
    const done = await withPassword(who, sftp);
    assert.equal(done.code, 0, done.stderr.toString());
    assert.equal(sha256(await readFile(join(folder, "back"))), sha256(bytes));
  });

  it("several channels on one connection (ControlMaster)", async () => {
    const control = join(folder, "control");
    const master = {
      ...who,
      options: ["-o", "ControlMaster=yes", "-o", `ControlPath=${control}`, "-N", "-f"],
    };
    assert.equal((await ssh(gateway, master, [])).code, 0);
    const over = { ...who, options: ["-o", `ControlPath=${control}`] };
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) => ssh(gateway, over, [`sleep 0.2; echo ${n}; exit ${n}`])),
    );
    for (const [n, { code, stdout }] of all.entries())
      assert.deepEqual([code, stdout.toString()], [n, `${n}\n`]);
    await ssh(gateway, { ...over, options: [...over.options, "-O", "exit"] }, []);
  });

  it("-W, -L and -D go through the sandbox's own sshd, -R comes back from it", async () => {
    // The sandbox's own sshd is the one thing that surely listens inside it.
    const banner = await ssh(gateway, { ...who, options: ["-W", "127.0.0.1:22"] }, [], {
      input: "SSH-2.0-x\r\n",
    });
    assert.match(banner.stdout.toString("latin1"), /^SSH-2\.0-OpenSSH_/);

    const [near, socks] = [await freePort(), await freePort()];
    const forwards = [
      ...["-N", "-L", `127.0.0.1:${near}:127.0.0.1:22`, "-D", `127.0.0.1:${socks}`],
      // In the sandbox, where nobody else is.
      ...["-R", `127.0.0.1:42203:127.0.0.1:${gateway.port}`],
    ];
    const held = spawn(
      "sshpass",
      [
        "-e",
        "ssh",
        "-p",
        String(gateway.port),
        ...clientOptions({ ...who, options: forwards }),
        "root@127.0.0.1",
      ],
      {
        env: { ...process.env, SSHPASS: who.password },
        stdio: "ignore",
      },
    );
    try {
      const local = await eventually("the -L forward", () => greeting(near));
      assert.match(local, /^SSH-2\.0-OpenSSH_/);
      const request = ["-s", "--max-time", "30", "--socks5", `127.0.0.1:${socks}`, "--http0.9"];
      const proxied = await run("curl", [...request, "http://127.0.0.1:22/"]);
      assert.match(proxied.stdout.toString("latin1"), /^SSH-2\.0-OpenSSH_/);
      const back = await ssh(gateway, who, ["bash -c 'exec 3<>/dev/tcp/127.0.0.1/42203; head -n 1 <&3'"]);
      assert.match(back.stdout.toString("latin1"), /^SSH-2\.0-OpenSSH_/);
      const closed = await ssh(gateway, { ...who, options: ["-W", "127.0.0.1:1"] }, []);
      assert.equal(closed.code, 255, "a forward to a closed port is refused");
    } finally {
      held.kill();
      await once(held, "exit");
    }
  });

  it("keepalives are answered, and host keys prove themselves", async () => {
    const known = join(folder, "known_hosts");
    const options = [
      // Unanswered, they end a connection after nine seconds.
      "-o",
      "ServerAliveInterval=1",
      "-o",
      "ServerAliveCountMax=8",
      "-o",
      `UserKnownHostsFile=${known}`,
      "-o",
      "UpdateHostKeys=yes",
    ];
    // At the first visit ssh learns one key; it asks for the proof of the others at the second.
    assert.equal((await ssh(gateway, { ...who, options }, ["true"])).code, 0);
    const { code, stderr } = await ssh(gateway, { ...who, options }, ["sleep 11"]);
    assert.equal(code, 0, stderr.toString());
    const learnt = await readFile(known, "utf8");
    for (const type of ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
      assert.ok(learnt.includes(` ${type} `), type);
  });

  it("a reader that stalls slows only itself", async () => {
    const stalled = spawn(
      "sshpass",
      ["-e", "ssh", "-p", String(gateway.port), ...clientOptions(who), "root@127.0.0.1", "cat /dev/zero"],
      {
        env: { ...process.env, SSHPASS: who.password },
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    try {
      await once(stalled.stdout, "readable");
      for (let i = 0; i < 5; i++)
        assert.equal((await ssh(gateway, who, ["echo"])).code, 0, "a login beside it");
      const grown = await Promise.all(gateway.fronts.map(memoryOf));
      assert.ok(Math.max(...grown) < 300 * 2 ** 20, `a front's memory: ${Math.max(...grown)}`);
    } finally {
      stalled.kill("SIGKILL");
      await once(stalled, "exit");
    }
  });

  async function shows(session: string, what: RegExp): Promise<true | undefined> {
    const screen = await run("tmux", ["-L", session, "capture-pane", "-p"]);
    return what.test(screen.stdout.toString()) ? true : undefined;
  }
});

function greeting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => {
      resolve(undefined);
    });
    socket.once("close", () => {
      resolve(undefined);
    });
    socket.once("data", (bytes) => {
      socket.destroy();
      resolve(bytes.toString("latin1"));
    });
  });
}

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

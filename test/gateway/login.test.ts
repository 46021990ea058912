/** Who gets in, as whom, and into what. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { clientOptions, run, ssh, startGateway, wasRefused, type Gateway } from "./harness.ts";

/** A sandbox goes with its session: nobody but the policy knows what the password was. */
const STICKY = `
auth:
  refuse: [random-looking, second-password, refused-before]
  otherwise: reject
  rules: [{ name: the second try, verdict: accept, afterAttempts: 2 }]
sandbox: { mode: fresh, most: 2, spares: 1 }
`;

describe("logging in", { concurrency: 3 }, () => {
  let gateway: Gateway;
  let folder: string;
  before(async () => {
    gateway = await startGateway();
    folder = await mkdtemp(join(tmpdir(), "mitsubako-login-"));
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("a made-up password lets root in, and what root did is there at the next login", async () => {
    const who = { user: "root", password: "123456", from: "127.0.1.1" };
    const first = await ssh(gateway, who, ["id -un; echo kept > /root/note"]);
    assert.deepEqual([first.code, first.stdout.toString()], [0, "root\n"], first.stderr.toString());
    assert.equal((await ssh(gateway, who, ["cat /root/note"])).stdout.toString(), "kept\n");
  });

  it("the sandbox's own logs tell of the login, and of what its programs log", async () => {
    const who = { user: "root", password: "123456", from: "127.0.1.30" };
    // rsyslogd writes a moment later.
    const asks = `logger -p auth.info told by hand
      for i in $(seq 100); do grep -q 'told by hand' /var/log/auth.log && break; sleep 0.1; done
      tail -n 20 /var/log/auth.log`;
    const { stdout } = await ssh(gateway, who, [asks]);
    assert.match(stdout.toString(), /sshd\[\d+\]: Accepted password for root from [\d.]+ port \d+ ssh2\n/);
    assert.match(stdout.toString(), /root: told by hand\n/);
  });

  it("the first password is the password: another one is wrong from then on", async () => {
    const who = { user: "root", password: "first", from: "127.0.1.2" };
    assert.equal((await ssh(gateway, who, ["true"])).code, 0);
    assert.ok(wasRefused(await ssh(gateway, { ...who, password: "second" }, ["true"])));
    assert.equal((await ssh(gateway, who, ["true"])).code, 0);
  });

  it("where the policy says so it stays the password when the sandbox is gone, and what was wrong stays wrong", async () => {
    await using strict = await startGateway({ policy: STICKY });
    const asks = async (user: string, password: string) => {
      const result = await ssh(strict, { user, password, from: "127.0.1.40" }, ["true"]);
      return wasRefused(result) ? "refused" : result.code;
    };
    const told: unknown[] = [];
    for (const password of ["wrong", "wrong", "right", "another", "right", "wrong"])
      told.push(await asks("root", password));
    assert.deepEqual(told, ["refused", "refused", 0, "refused", 0, "refused"]);
    assert.deepEqual([await asks("pi", "vK7qTz2RwPx9"), await asks("pi", "another")], ["refused", 0]);
  });

  it("a user is made with home and history, and is nobody else's", async () => {
    const who = { user: "oracle", password: "oracle1", from: "127.0.1.3" };
    const { stdout } = await ssh(gateway, who, [
      "id -un; pwd; ls -A; sudo -n true 2>&1 | head -c 200; id -nG",
    ]);
    const text = stdout.toString();
    assert.match(text, /^oracle\n\/home\/oracle\n/);
    for (const file of [".bash_history", ".bashrc", ".profile"])
      assert.ok(text.includes(`\n${file}\n`), file);
    assert.match(text, /\noracle users\n$/);
  });

  it("sources do not see each other", async () => {
    await ssh(gateway, { user: "root", password: "a", from: "127.0.1.4" }, ["touch /tmp/mine"]);
    const other = await ssh(gateway, { user: "root", password: "a", from: "127.0.1.5" }, ["ls /tmp/mine"]);
    assert.equal(other.code, 2);
  });

  it("odd passwords are kept to the byte", async () => {
    const odd = [
      "  spaces  ",
      `quo"te's`,
      "a:b:c",
      "pässwörd",
      "$(reboot)`id`",
      "x".repeat(200),
      "-n",
      "%s%n",
    ];
    for (const [n, password] of odd.entries()) {
      const who = { user: "admin", password, from: `127.0.2.${n + 1}` };
      assert.equal((await ssh(gateway, who, ["true"])).code, 0, password);
      assert.ok(wasRefused(await ssh(gateway, { ...who, password: `${password}x` }, ["true"])), password);
    }
  });

  it("names that useradd would refuse never get in", async () => {
    for (const user of ["Bob Smith", "../etc", "-rf", "12345", "a".repeat(40)])
      assert.notEqual(
        (await ssh(gateway, { user, password: "x", from: "127.0.1.6" }, ["true"])).code,
        0,
        user,
      );
  });

  it("a password changed with passwd is the password", async () => {
    const who = { user: "root", password: "before", from: "127.0.1.7" };
    assert.equal((await ssh(gateway, who, ["echo root:after | chpasswd"])).code, 0);
    assert.ok(wasRefused(await ssh(gateway, who, ["true"])));
    assert.equal((await ssh(gateway, { ...who, password: "after" }, ["true"])).code, 0);
  });

  it("a planted key works, with its options, and an unknown one does not; no trace of ours is left", async () => {
    const who = { user: "root", password: "k", from: "127.0.1.8" };
    const key = join(folder, "key");
    for (const [type, name] of [
      ["ed25519", key],
      ["rsa", `${key}-rsa`],
      ["ecdsa", `${key}-ecdsa`],
      ["ed25519", `${key}-other`],
    ] as const)
      assert.equal((await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", name])).code, 0);
    const [ed, rsa, ecdsa] = await Promise.all(
      [key, `${key}-rsa`, `${key}-ecdsa`].map((name) => readFile(`${name}.pub`, "utf8")),
    );
    const plant = `mkdir -p -m 700 .ssh; cat > .ssh/authorized_keys; chmod 600 .ssh/authorized_keys; echo root:unknown | chpasswd`;
    const lines = `# c2\n${ed ?? ""}${ecdsa ?? ""}command="echo forced: $SSH_ORIGINAL_COMMAND" ${rsa ?? ""}`;
    assert.equal((await ssh(gateway, who, [plant], { input: lines })).code, 0);

    const byKey = (name: string, command: string) =>
      run("ssh", [
        "-p",
        String(gateway.port),
        ...clientOptions({ from: who.from }),
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-i",
        name,
        "root@127.0.0.1",
        command,
      ]);
    assert.equal((await byKey(key, "echo in")).stdout.toString(), "in\n");
    assert.equal((await byKey(`${key}-ecdsa`, "echo in")).stdout.toString(), "in\n");
    assert.equal((await byKey(`${key}-rsa`, "anything")).stdout.toString(), "forced: anything\n");
    assert.equal((await byKey(`${key}-other`, "true")).code, 255);
    const traces = await byKey(key, "ls -A /run/sshd; cat /root/.ssh/authorized_keys; grep -r once /etc/ssh");
    assert.equal(traces.stdout.toString(), lines);
  });

  it("four logins of one source at once share its sandbox", async () => {
    const who = { user: "root", password: "p", from: "127.0.1.9" };
    const names = await Promise.all(
      Array.from({ length: 4 }, () =>
        ssh(gateway, who, ["cat /proc/sys/kernel/random/boot_id /etc/hostname; stat -c %i /"]),
      ),
    );
    assert.deepEqual(new Set(names.map(({ stdout }) => stdout.toString())).size, 1);
    for (const { code } of names) assert.equal(code, 0);
  });

  it("an address of its own is what the sandbox shows of a loopback source: the bridge's", async () => {
    const { stdout } = await ssh(gateway, { user: "root", password: "p", from: "127.0.1.10" }, [
      "echo $SSH_CLIENT",
    ]);
    assert.match(stdout.toString(), /^10\.\d+\.\d+\.\d+ \d+ 22\n$/);
  });

  it("names and passwords as long as a packet are refused like any other, and nobody else notices", async () => {
    const script = `
import paramiko, socket
s = socket.create_connection(("127.0.0.1", ${gateway.port}), source_address=("127.0.1.12", 0))
t = paramiko.Transport(s); t.start_client()
for user, password in [("root", "p" * 65537), ("root", "p" * 200000)]:
    try: t.auth_password(user, password)
    except paramiko.AuthenticationException: print("refused")
t.close()
`;
    const beside = ssh(gateway, { user: "root", password: "p", from: "127.0.1.9" }, [
      "sleep 5; echo still here",
    ]);
    const { stdout, stderr } = await run("/usr/bin/python3", ["-c", script], { within: 60_000 });
    assert.equal(stdout.toString(), "refused\nrefused\n", stderr.toString());
    assert.equal((await beside).stdout.toString(), "still here\n");
    assert.ok(!gateway.log().includes("no front of ours sends"));
  });

  it("too many wrong passwords end the connection with OpenSSH's words", async () => {
    const who = { user: "root", password: "right", from: "127.0.1.11" };
    assert.equal((await ssh(gateway, who, ["true"])).code, 0);
    const script = `
import paramiko, socket
s = socket.create_connection(("127.0.0.1", ${gateway.port}), source_address=("127.0.1.11", 0))
t = paramiko.Transport(s); t.start_client()
n = 0
try:
    while True:
        try: t.auth_password("root", "wrong")
        except paramiko.AuthenticationException: n += 1
except Exception as error: print(n, type(error).__name__, error)
`;
    const { stdout } = await run("/usr/bin/python3", ["-c", script], { within: 60_000 });
    assert.match(stdout.toString(), /^5 .*Too many authentication failures|^5 |^6 /);
  });
});

describe("policies decide", { concurrency: 3 }, () => {
  it("root can be refused, users let in by the n-th attempt, by name and by source", async () => {
    await using gateway = await startGateway({
      policy: `
auth:
  root: refuse
  rules:
    - { name: never, user: "nobody*", verdict: reject }
    - { name: third, user: pi, verdict: accept, afterAttempts: 3 }
    - { name: lab, source: 127.0.3.0/24, password: ["hunter2", "/^pass[0-9]+$/"], verdict: accept }
  otherwise: reject
`,
    });
    const isIn = async (user: string, password: string, from: string) =>
      (await ssh(gateway, { user, password, from }, ["true"])).code === 0;
    assert.equal(await isIn("root", "hunter2", "127.0.3.1"), false, "root is refused");
    assert.equal(await isIn("alice", "hunter2", "127.0.3.2"), true);
    assert.equal(await isIn("alice", "pass123", "127.0.3.3"), true);
    assert.equal(await isIn("alice", "hunter3", "127.0.3.4"), false);
    assert.equal(await isIn("alice", "hunter2", "127.0.4.1"), false, "not from there");
    assert.equal(await isIn("nobody1", "hunter2", "127.0.3.5"), false);
    for (const expected of [false, false, true])
      assert.equal(await isIn("pi", "raspberry", "127.0.4.2"), expected);
  });

  it("fresh sandboxes forget", async () => {
    await using gateway = await startGateway({ policy: "sandbox:\n  mode: fresh\n  spares: 1\n" });
    const who = { user: "root", password: "x", from: "127.0.1.1" };
    assert.equal((await ssh(gateway, who, ["touch /root/here"])).code, 0);
    assert.equal((await ssh(gateway, who, ["ls /root/here"])).code, 2);
    assert.equal((await ssh(gateway, { ...who, password: "other" }, ["true"])).code, 0);
  });

  it("when no sandbox is to be had the connection ends, and is no wrong password", async () => {
    await using gateway = await startGateway({ policy: "sandbox:\n  most: 1\n  spares: 1\n" });
    const inside = [
      "ssh",
      "-p",
      String(gateway.port),
      ...clientOptions({ password: "x", from: "127.0.1.1" }),
    ];
    const held = spawn("sshpass", ["-e", ...inside, "root@127.0.0.1", "echo in; cat; exit 7"], {
      env: { ...process.env, SSHPASS: "x" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = once(held, "exit");
    try {
      assert.equal(String((await once(held.stdout, "data"))[0]), "in\n");
      const other = await ssh(gateway, { user: "root", password: "x", from: "127.0.1.2" }, ["true"]);
      assert.ok(!wasRefused(other), other.stderr.toString());
      assert.equal(other.code, 255, "the connection's end");
    } finally {
      held.stdin.end();
      assert.equal((await ended)[0], 7);
    }
  });
});

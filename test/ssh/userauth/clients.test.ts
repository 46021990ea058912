/** Real clients log in, each by every method it has. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import ssh2, { type ConnectConfig } from "ssh2";
import type { Decision, LoginAttempt } from "../../../gateway/ssh/userauth/attempt.ts";
import { startFront, type Front } from "../relay/front.ts";
import { run, sshOptions } from "../relay/programs.ts";
import { startSshd, type Sshd } from "../relay/sshd.ts";

const PASSWORD = "pässword";

let sshd: Sshd;
let front: Front;
/** Paths of keys of every type. */
const keys = new Map<string, string>();

before(async () => {
  sshd = await startSshd();
  front = await startFront(sshd, {
    methods: ["publickey", "password", "keyboard-interactive"],
    decide: (attempt) => Promise.resolve(decide(attempt)),
  });
  for (const [name, args] of [
    ["ed25519", ["-t", "ed25519"]],
    ["ecdsa256", ["-t", "ecdsa", "-b", "256"]],
    ["ecdsa384", ["-t", "ecdsa", "-b", "384"]],
    ["ecdsa521", ["-t", "ecdsa", "-b", "521"]],
    ["rsa", ["-t", "rsa", "-b", "2048"]],
  ] as const) {
    const path = join(sshd.folder, `client_${name}`);
    execFileSync("ssh-keygen", ["-q", ...args, "-N", "", "-f", path]);
    keys.set(name, path);
  }
  const askpass = join(sshd.folder, "askpass");
  writeFileSync(askpass, `#!/bin/sh\nprintf '%s\\n' '${PASSWORD}'\n`);
  chmodSync(askpass, 0o700);
});

after(async () => {
  await front[Symbol.asyncDispose]();
  await sshd[Symbol.asyncDispose]();
});

function decide({ credential, admissible }: LoginAttempt): Decision {
  if (!admissible) return { kind: "refused" };
  switch (credential.kind) {
    case "none":
      return { kind: "refused" };
    case "password":
      return { kind: credential.password.equals(Buffer.from(PASSWORD)) ? "accepted" : "refused" };
    case "publickey":
      return { kind: credential.signed ? "accepted" : "key-acceptable" };
  }
}

function methodsTried(): string[] {
  return front.sessions.at(-1)?.attempts.map(({ method }) => method) ?? [];
}

function target(): string[] {
  return ["-p", String(front.port), `${sshd.user}@127.0.0.1`];
}

describe("OpenSSH's client", () => {
  for (const method of ["password", "keyboard-interactive"]) {
    it(`logs in by ${method}`, async () => {
      const { code, stdout, stderr } = await run(
        "ssh",
        [...sshOptions(sshd.folder), "-o", `PreferredAuthentications=${method}`, ...target(), "echo in"],
        { env: { SSH_ASKPASS: join(sshd.folder, "askpass"), SSH_ASKPASS_REQUIRE: "force" } },
      );
      assert.deepEqual([code, stdout.toString(), stderr], [0, "in\n", ""]);
      assert.deepEqual(methodsTried(), ["none", method]);
    });
  }

  for (const name of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"]) {
    it(`logs in by a key: ${name}`, async () => {
      const options = sshOptions(sshd.folder).map((option) =>
        option === "IdentityFile=none" ? `IdentityFile=${keys.get(name) ?? ""}` : option,
      );
      const { code, stdout } = await run("ssh", [...options, "-o", "BatchMode=yes", ...target(), "echo in"]);
      assert.deepEqual([code, stdout.toString()], [0, "in\n"]);
      assert.deepEqual(methodsTried(), ["none", "publickey", "publickey"]);
      const proof = front.sessions.at(-1)?.attempts.at(-1)?.credential;
      assert.ok(proof?.kind === "publickey");
      const listed = execFileSync("ssh-keygen", ["-lf", `${keys.get(name) ?? ""}.pub`]).toString();
      assert.ok(listed.includes(proof.fingerprintSha256));
      const md5 = execFileSync("ssh-keygen", ["-lE", "md5", "-f", `${keys.get(name) ?? ""}.pub`]).toString();
      assert.ok(md5.includes(`MD5:${proof.fingerprintMd5} `));
    });
  }

  it("is told when it tried too often", async () => {
    await using strict = await startFront(sshd, { decide: () => Promise.resolve({ kind: "refused" }) });
    const { code, stderr } = await run(
      "ssh",
      [
        ...sshOptions(sshd.folder),
        ...["-o", "NumberOfPasswordPrompts=10", "-o", "PreferredAuthentications=password"],
        ...["-p", String(strict.port), `${sshd.user}@127.0.0.1`, "true"],
      ],
      { env: { SSH_ASKPASS: join(sshd.folder, "askpass"), SSH_ASKPASS_REQUIRE: "force" } },
    );
    assert.equal(code, 255);
    assert.match(
      stderr,
      /Received disconnect from 127\.0\.0\.1 port \d+:2: Too many authentication failures/,
    );
    assert.equal(strict.sessions[0]?.attempts.length, 7);
  });
});

describe("other clients", () => {
  const ways: Record<string, ConnectConfig> = {
    password: { password: PASSWORD },
    "keyboard-interactive": { tryKeyboard: true, authHandler: ["none", "keyboard-interactive"] },
  };
  for (const [method, config] of Object.entries(ways)) {
    it(`ssh2 logs in by ${method}`, async () => {
      assert.equal(await ssh2Exec(config), "in\n");
      assert.equal(methodsTried().at(-1), method);
    });
  }

  for (const name of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"]) {
    it(`ssh2 logs in by a key: ${name}`, async () => {
      assert.equal(await ssh2Exec({ privateKey: readFileSync(keys.get(name) ?? "") }), "in\n");
    });
  }

  async function ssh2Exec(config: ConnectConfig): Promise<string> {
    const client = new ssh2.Client();
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) => {
      finish(prompts.map(() => PASSWORD));
    });
    client.connect({
      host: "127.0.0.1",
      port: front.port,
      username: sshd.user,
      readyTimeout: 60_000,
      ...config,
    });
    await once(client, "ready");
    try {
      return await new Promise((resolve, reject) => {
        client.exec("echo in", (error, stream) => {
          if (error) {
            reject(error);
            return;
          }
          let text = "";
          stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
          stream.on("close", () => {
            resolve(text);
          });
        });
      });
    } finally {
      client.end();
    }
  }

  for (const [method, methods] of [
    ["keyboard-interactive", ["publickey", "password", "keyboard-interactive"]],
    ["password", ["publickey", "password"]],
  ] as const) {
    it(`dbclient logs in by ${method}`, async () => {
      await using own = await startFront(sshd, {
        methods,
        decide: (attempt) => Promise.resolve(decide(attempt)),
      });
      const { code, stdout } = await run(
        "dbclient",
        ["-y", "-y", "-p", String(own.port), `${sshd.user}@127.0.0.1`, "echo in; exit 3"],
        { env: { DROPBEAR_PASSWORD: PASSWORD, HOME: sshd.folder }, keepInputOpen: true },
      );
      assert.deepEqual([code, stdout.toString()], [3, "in\n"]);
      assert.equal(own.sessions[0]?.attempts.at(-1)?.method, method);
    });
  }

  it("dbclient logs in by a key", async () => {
    const path = join(sshd.folder, "dropbear_key");
    execFileSync("dropbearconvert", ["openssh", "dropbear", keys.get("ed25519") ?? "", path], {
      stdio: "ignore",
    });
    const { code, stdout } = await run(
      "dbclient",
      ["-y", "-y", "-i", path, "-p", String(front.port), `${sshd.user}@127.0.0.1`, "echo in"],
      { env: { HOME: sshd.folder }, keepInputOpen: true },
    );
    assert.deepEqual([code, stdout.toString()], [0, "in\n"]);
  });

  it("paramiko logs in by password, keyboard-interactive and keys", async () => {
    const script = `
import paramiko, sys
port, user, password = int(sys.argv[1]), sys.argv[2], "p\\u00e4ssword"

def connected(authenticate):
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.start_client()
    authenticate(transport)
    channel = transport.open_session()
    channel.exec_command("echo in")
    print(channel.makefile().read().decode().strip(), channel.recv_exit_status())
    transport.close()

connected(lambda t: t.auth_password(user, password))
connected(lambda t: t.auth_interactive(user, lambda title, instructions, prompts: [password for _ in prompts]))
for kind, path in ((paramiko.Ed25519Key, sys.argv[3]), (paramiko.ECDSAKey, sys.argv[4]), (paramiko.RSAKey, sys.argv[5])):
    connected(lambda t: t.auth_publickey(user, kind.from_private_key_file(path)))
try:
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.start_client()
    transport.auth_none(user)
except paramiko.BadAuthenticationType as refused:
    print(sorted(refused.allowed_types))
    transport.close()
`;
    const paths = ["ed25519", "ecdsa256", "rsa"].map((name) => keys.get(name) ?? "");
    const { stdout, stderr } = await run("/usr/bin/python3", [
      "-c",
      script,
      String(front.port),
      sshd.user,
      ...paths,
    ]);
    assert.equal(
      stdout.toString(),
      "in 0\n".repeat(5) + "['keyboard-interactive', 'password', 'publickey']\n",
      stderr,
    );
  });
});

/** Dropbear at the other end: dbclient and dropbear. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePort } from "../free-port.ts";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";
import { string } from "../../../gateway/ssh/messages/writer.ts";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { run } from "../relay/programs.ts";
import { choices, only } from "./choices.ts";
import { echoServer, echoThrough } from "./echo.ts";
import { listen } from "./listener.ts";
import { CLIENT_OPTIONS } from "./pair.ts";

const DATA = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000, "text that compresses ")]);

/** What the 2022.83 of Debian 12 has of ours. */
const CHOICES = choices({
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
  ],
  hostKey: ["rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
  cipher: ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-ctr"],
  mac: ["hmac-sha2-256", "hmac-sha1"],
  compression: IMPLEMENTED.compression,
});

before(() => {
  for (const program of ["/usr/bin/dbclient", "/usr/sbin/dropbear"])
    assert.ok(existsSync(program), `this test needs ${program}: apt-get install dropbear-bin`);
});

describe("dbclient", { concurrency: 2 }, () => {
  for (const choice of CHOICES)
    it(choice.join(" "), async () => {
      const transports: Transport[] = [];
      await using server = await listen(
        (transport) => {
          transports.push(transport);
          echoServer(transport);
        },
        { offer: only(choice) },
      );
      const { code, stdout, stderr } = await run(
        "dbclient",
        ["-y", "-y", "-T", "-p", String(server.port), "user@127.0.0.1", "echo"],
        { input: DATA },
      );
      assert.equal(code, 0, stderr);
      assert.ok(stdout.equals(DATA), `${stdout.length} bytes came back`);
      assert.ok(Object.values(transports[0]?.agreed ?? {}).includes(choice[1]));
    });
});

describe("dropbear", { concurrency: 2 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-dropbear-"));
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const publicKeyBlob = Buffer.concat([
    string("ssh-ed25519"),
    string(publicKey.export({ format: "der", type: "spki" }).subarray(-32)),
  ]);
  let server: ChildProcess;
  let port = 0;
  let hostKeys: Pick<HostKeyFile, "type" | "publicKey">[] = [];

  before(async () => {
    assert.equal(process.getuid?.(), 0, "this test starts a dropbear, which needs root: sudo npm test");
    mkdirSync(join(folder, "home", ".ssh"), { recursive: true, mode: 0o700 });
    const line = `ssh-ed25519 ${publicKeyBlob.toString("base64")}\n`;
    writeFileSync(join(folder, "home", ".ssh", "authorized_keys"), line, { mode: 0o600 });
    const types = { ed25519: "ssh-ed25519", ecdsa: "ecdsa-sha2-nistp256", rsa: "ssh-rsa" } as const;
    hostKeys = Object.entries(types).map(([kind, type]) => {
      const path = join(folder, kind);
      const text = execFileSync("dropbearkey", ["-t", kind, "-f", path], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      return { type, publicKey: /^(ssh|ecdsa)-.*$/m.exec(text.toString())?.[0] ?? "" };
    });
    port = await freePort();
    // It looks for authorized_keys in the user's home and nowhere else, so for it, and only for it, root's home is ours.
    const command = `mount --bind "$1/home" /root && shift && exec dropbear "$@"`;
    const options = [
      "-F",
      "-E",
      "-s",
      "-p",
      `127.0.0.1:${port}`,
      ...Object.keys(types).flatMap((kind) => ["-r", join(folder, kind)]),
    ];
    server = spawn(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", command, "sh", folder, ...options],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    server.stderr?.resume();
    await listening(port);
  });
  after(async () => {
    const exit = once(server, "exit");
    server.kill("SIGKILL");
    await exit;
    rmSync(folder, { recursive: true });
  });

  for (const choice of CHOICES)
    it(choice.join(" "), async () => {
      const socket = connect(port, "127.0.0.1");
      try {
        const transport = await connectTransport(socket, {
          ...CLIENT_OPTIONS,
          hostKeys,
          offer: only(choice),
        });
        assert.ok(Object.values(transport.agreed).includes(choice[1]));
        using login = new UpstreamLogin(transport);
        const answer = await login.key(Buffer.from("root"), { privateKey, publicKeyBlob });
        assert.deepEqual(answer, { kind: "accepted" });
        const { agreed } = transport;
        transport.rekey();
        const output = await echoThrough(transport, "cat", DATA);
        assert.ok(output.equals(DATA), `${output.length} bytes came back`);
        assert.notEqual(transport.agreed, agreed);
      } finally {
        socket.destroy();
      }
    });
});

async function listening(port: number): Promise<void> {
  for (let round = 0; ; round++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (round === 1200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      socket.destroy();
    }
  }
}

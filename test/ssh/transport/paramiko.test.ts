/** Paramiko (python3-paramiko) at the other end. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { run } from "../relay/programs.ts";
import { AS_CLIENT, choices, moduliUpTo, only } from "./choices.ts";
import { echoServer, echoThrough } from "./echo.ts";
import { HOST_KEYS } from "./keys.ts";
import { listen } from "./listener.ts";
import { CLIENT_OPTIONS } from "./pair.ts";

const PYTHON = "/usr/bin/python3";
const DATA = Buffer.concat([randomBytes(200_000), Buffer.alloc(200_000, "text that compresses ")]);

/** What the 2.12 of Debian 12 has of ours. */
const CHOICES = choices({
  kex: [
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
  ],
  hostKey: IMPLEMENTED.hostKey,
  cipher: ["aes128-ctr", "aes192-ctr", "aes256-ctr"],
  mac: [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
  ],
  compression: IMPLEMENTED.compression,
});

before(() => {
  assert.ok(
    existsSync("/usr/lib/python3/dist-packages/paramiko"),
    "this test needs python3-paramiko: apt-get install python3-paramiko",
  );
});

describe("Paramiko's client", { concurrency: 2 }, () => {
  const moduli = moduliUpTo(8192);
  for (const choice of [...CHOICES, ...choices({ kex: ["diffie-hellman-group-exchange-sha256"] })])
    it(choice.join(" "), async () => {
      const transports: Transport[] = [];
      await using server = await listen(
        (transport) => {
          transports.push(transport);
          echoServer(transport);
        },
        { offer: only(choice), moduli },
      );
      const compression = choice[1].startsWith("zlib") ? choice[1] : "";
      const { code, stdout, stderr } = await run(
        PYTHON,
        [join(import.meta.dirname, "paramiko-client.py"), String(server.port), compression],
        { input: DATA },
      );
      assert.equal(code, 0, stderr);
      assert.ok(stdout.equals(DATA), `${stdout.length} bytes came back`);
      assert.ok(Object.values(transports[0]?.agreed ?? {}).includes(choice[1]));
    });
});

describe("Paramiko's server", { concurrency: 2 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-paramiko-"));
  const names = { "ssh-ed25519": "ed25519", "ecdsa-sha2-nistp256": "ecdsa", "ssh-rsa": "rsa" } as const;
  const keys = HOST_KEYS.map(({ type, privateKey }) => {
    const path = join(folder, names[type]);
    writeFileSync(path, privateKey, { mode: 0o600 });
    return `${names[type]}=${path}`;
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  for (const choice of CHOICES)
    it(choice.join(" "), async () => {
      const server = spawn(
        PYTHON,
        [
          join(import.meta.dirname, "paramiko-server.py"),
          choice[1].startsWith("zlib") ? choice[1] : "none",
          ...keys,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const [line] = (await once(server.stdout, "data")) as [Buffer];
      const socket = connect(Number(line.toString()), "127.0.0.1");
      try {
        const transport = await connectTransport(socket, {
          ...CLIENT_OPTIONS,
          offer: only(choice, AS_CLIENT),
        });
        assert.ok(Object.values(transport.agreed).includes(choice[1]));
        using login = new UpstreamLogin(transport);
        assert.deepEqual(await login.password(Buffer.from("user"), Buffer.from("x")), { kind: "accepted" });
        const { agreed } = transport;
        transport.rekey();
        const output = await echoThrough(transport, "echo", DATA);
        assert.ok(output.equals(DATA), `${output.length} bytes came back`);
        assert.notEqual(transport.agreed, agreed);
      } finally {
        socket.destroy();
        server.kill("SIGKILL");
      }
    });
});

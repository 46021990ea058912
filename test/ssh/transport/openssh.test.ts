/** OpenSSH at the other end: its client against our server role, its server against our client role. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { after, before, describe, it } from "node:test";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { ConnectOptions } from "../../../gateway/ssh/transport/options.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { run, sshOptions } from "../relay/programs.ts";
import { startSshd, type Sshd } from "../relay/sshd.ts";
import { AS_CLIENT, choices, moduliUpTo, only, type Lists } from "./choices.ts";
import { echoServer, echoThrough } from "./echo.ts";
import { listen } from "./listener.ts";

const DATA = Buffer.concat([randomBytes(600_000), Buffer.alloc(600_000, "text that compresses ")]);

/** What no other library at hand has is proven with more. */
const MUCH = Buffer.concat(Array.from({ length: 8 }, () => DATA));
const OPENSSH_ONLY = /^(sntrup|umac)/;

/** The system's 9.2 has no ML-KEM, which came with 9.9: hybrid.test.ts. */
const KNOWN_TO_CLIENT: Lists = {
  ...IMPLEMENTED,
  kex: IMPLEMENTED.kex.filter((name) => !name.startsWith("mlkem")),
};

describe("OpenSSH's client", { concurrency: 2 }, () => {
  const folder = mkdtempSync(`${tmpdir()}/mitsubako-`);
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const moduli = moduliUpTo(8192);
  const ssh = async (input: Buffer, transports: Transport[], offer: Lists, ...options: string[]) => {
    await using server = await listen(
      (transport) => {
        transports.push(transport);
        echoServer(transport);
      },
      { offer, moduli },
    );
    return await run(
      "ssh",
      [...sshOptions(folder), ...options, "-p", String(server.port), "user@127.0.0.1", "echo"],
      { input },
    );
  };
  for (const choice of choices(KNOWN_TO_CLIENT))
    it(choice.join(" "), async () => {
      const input = OPENSSH_ONLY.test(choice[1]) ? MUCH : DATA;
      const transports: Transport[] = [];
      const compress = choice[1].startsWith("zlib") ? ["-C"] : [];
      const { code, stdout, stderr } = await ssh(
        input,
        transports,
        only(choice),
        ...compress,
        "-o",
        `RekeyLimit=${input === MUCH ? "3M" : "700K"}`,
      );
      assert.equal(code, 0, stderr);
      assert.ok(stdout.equals(input), `${stdout.length} bytes came back`);
      assert.ok(Object.values(transports[0]?.agreed ?? {}).includes(choice[1]));
    });
});

describe("OpenSSH's server", { concurrency: 2 }, () => {
  let sshd: Sshd;
  before(async () => {
    sshd = await startSshd("RekeyLimit 700K");
  });
  after(async () => {
    await sshd[Symbol.asyncDispose]();
  });
  const cat = async (options: Partial<ConnectOptions>, act?: (transport: Transport) => void) => {
    const socket = connect(sshd.port, "127.0.0.1");
    try {
      await once(socket, "connect");
      const transport = await connectTransport(socket, {
        identification: "SSH-2.0-OpenSSH_9.2p1",
        hostKeys: sshd.hostKeys,
        ...options,
      });
      using login = new UpstreamLogin(transport);
      const answer = await login.key(Buffer.from(sshd.user), sshd.identity);
      assert.deepEqual(answer, { kind: "accepted" }, sshd.log());
      act?.(transport);
      const { agreed } = transport;
      const output = await echoThrough(transport, "cat", DATA);
      assert.ok(output.equals(DATA), `${output.length} bytes came back`);
      assert.notEqual(transport.agreed, agreed, "no new keys on the way");
      return agreed;
    } finally {
      socket.destroy();
    }
  };
  for (const choice of choices(AS_CLIENT))
    it(choice.join(" "), async () => {
      const agreed = await cat({ offer: only(choice, AS_CLIENT) });
      assert.ok(Object.values(agreed).includes(choice[1]));
    });
  it("our own limits", async () => {
    await cat({ rekey: { packets: 20 } });
  });
});

/** The npm package ssh2 at the other end. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import ssh2 from "ssh2";
import { UpstreamLogin } from "../../../gateway/ssh/userauth/upstream.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { AS_CLIENT, choices, moduliUpTo, only, type Lists } from "./choices.ts";
import { echoServer, echoThrough } from "./echo.ts";
import { HOST_KEYS } from "./keys.ts";
import { listen } from "./listener.ts";
import { CLIENT_OPTIONS } from "./pair.ts";

const DATA = Buffer.concat([randomBytes(500_000), Buffer.alloc(500_000, "text that compresses ")]);

/** What ssh2 has of ours. It has group exchange too, as a client only. */
const SHARED: Lists = {
  ...IMPLEMENTED,
  kex: IMPLEMENTED.kex.filter((name) => !/^(sntrup|mlkem|diffie-hellman-group-exchange)/.test(name)),
  mac: IMPLEMENTED.mac.filter((name) => !name.startsWith("umac")),
};
const SSH2_CLIENT: Lists = {
  ...SHARED,
  kex: IMPLEMENTED.kex.filter((name) => !/^(sntrup|mlkem)/.test(name)),
};

function ssh2Algorithms(lists: Lists): ssh2.Algorithms {
  return {
    kex: [...lists.kex] as ssh2.KexAlgorithm[],
    serverHostKey: [...lists.hostKey] as ssh2.ServerHostKeyAlgorithm[],
    cipher: [...lists.cipher] as ssh2.CipherAlgorithm[],
    hmac: [...lists.mac] as ssh2.MacAlgorithm[],
    compress: [...lists.compression] as ssh2.CompressionAlgorithm[],
  };
}

async function withSsh2Client(port: number, lists: Lists): Promise<Buffer> {
  const client = new ssh2.Client();
  client.on("error", () => undefined); // Of interest until it is ready only, when `once` hears it too.
  const ready = once(client, "ready");
  client.connect({
    host: "127.0.0.1",
    port,
    username: "user",
    password: "x",
    algorithms: ssh2Algorithms(lists),
  });
  try {
    await ready;
    return await new Promise((resolve, reject) => {
      client.exec("echo", (error, channel) => {
        if (error) {
          reject(error);
          return;
        }
        const output: Buffer[] = [];
        channel.on("data", (bytes: Buffer) => output.push(bytes));
        channel.on("close", () => {
          resolve(Buffer.concat(output));
        });
        channel.end(DATA);
      });
    });
  } finally {
    client.end();
  }
}

describe("ssh2's client", { concurrency: 2 }, () => {
  // It tests each prime that it is given: half a second for one of these, half a minute for one of 8192 bits.
  const moduli = moduliUpTo(2048);
  for (const choice of choices(SSH2_CLIENT))
    it(choice.join(" "), async () => {
      const transports: Transport[] = [];
      await using server = await listen(
        (transport) => {
          transports.push(transport);
          echoServer(transport);
        },
        { offer: only(choice), moduli },
      );
      const output = await withSsh2Client(server.port, SSH2_CLIENT);
      assert.ok(output.equals(DATA), `${output.length} bytes came back`);
      assert.ok(Object.values(transports[0]?.agreed ?? {}).includes(choice[1]));
    });
});

describe("ssh2's server", { concurrency: 2 }, () => {
  for (const choice of choices(SHARED))
    it(choice.join(" "), async () => {
      const server = new ssh2.Server(
        {
          hostKeys: HOST_KEYS.map(({ privateKey }) => privateKey),
          algorithms: ssh2Algorithms(SHARED),
        },
        (connection) => {
          connection.on("error", () => undefined);
          connection.on("authentication", (context) => {
            context.accept();
          });
          connection.on("session", (accept) => {
            accept().on("exec", (acceptExec) => {
              const channel = acceptExec();
              channel.on("end", () => {
                channel.exit(0);
                channel.end();
              });
              channel.pipe(channel, { end: false });
            });
          });
        },
      );
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
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
        server.close();
      }
    });
});

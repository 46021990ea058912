/** Nobody can make the front hold what he will not take. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildChannelOpen } from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest } from "../../../gateway/ssh/messages/channel-request.ts";
import { buildServiceRequest } from "../../../gateway/ssh/messages/general.ts";
import { buildUserauthRequest } from "../../../gateway/ssh/messages/userauth.ts";
import { payload } from "../../../gateway/ssh/messages/writer.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import { sshOptions, start } from "./programs.ts";
import { startSshd, type Sshd } from "./sshd.ts";

const MEGABYTE = 2 ** 20;
/** Of one stuck session: two legs' buffers, a few hundred KiB each, and what the runtime keeps around. */
const MOST_PER_SESSION = 4 * MEGABYTE;

const LOGIN = [
  buildServiceRequest("ssh-userauth"),
  buildUserauthRequest(Buffer.from(userInfo().username), "none"),
  buildChannelOpen("session", { sender: 0, window: 0, maxPacket: 32768 }),
];

let sshd: Sshd;
let front: ChildProcess;
let port: number;

before(async () => {
  sshd = await startSshd();
  const told = {
    port: sshd.port,
    hostKeys: sshd.hostKeys,
    user: sshd.user,
    privateKey: sshd.identity.privateKey.export({ type: "pkcs8", format: "pem" }),
    blob: sshd.identity.publicKeyBlob.toString("base64"),
  };
  front = fork(join(import.meta.dirname, "front-process.ts"), [JSON.stringify(told)], {
    execArgv: ["--expose-gc"],
  });
  [{ port }] = (await once(front, "message")) as [{ port: number }];
});

after(async () => {
  const exit = once(front, "exit");
  front.kill();
  await exit;
  await sshd[Symbol.asyncDispose]();
});

async function rss(): Promise<number> {
  front.send("rss");
  const [answer] = (await once(front, "message")) as [{ rss: number }];
  return answer.rss;
}

describe("memory", () => {
  it("stays bounded while clients do not read and sshd floods", async () => {
    const clients = Array.from({ length: 8 }, () =>
      start(
        "ssh",
        [...sshOptions(sshd.folder), "-n", "-p", String(port), `${sshd.user}@127.0.0.1`, "cat /dev/zero"],
        ["ignore", "pipe", "ignore"],
      ),
    );
    try {
      await Promise.all(clients.map(({ stdout }) => once(stdout ?? assert.fail(), "data")));
      for (const client of clients) client.kill("SIGSTOP");
      await sleep(500);
      const early = await rss();
      await sleep(2000);
      const late = await rss();
      assert.ok(late - early < MOST_PER_SESSION, `grew by ${(late - early) / MEGABYTE} MiB in 2 s`);
      assert.ok(late < (150 + 8 * 4) * MEGABYTE, `${late / MEGABYTE} MiB`);
    } finally {
      for (const client of clients) client.kill("SIGKILL");
    }
  });

  for (const [what, first, flood] of [
    ["unknown messages", LOGIN, payload(191)],
    ["requests on a channel", LOGIN, buildChannelRequest(0, "what@ever", true)],
    ["unknown messages before login", [], payload(191)],
  ] as const) {
    it(`stays bounded while a client sends ${what} without end and never reads an answer`, async () => {
      const before = await rss();
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      await once(socket, "connect");
      try {
        const transport = await connectTransport(socket, {
          identification: "SSH-2.0-flood",
          hostKeys: sshd.hostKeys,
        });
        const sent = await flooded(transport, first, flood);
        const grown = (await rss()) - before;
        assert.ok(sent > 5000, `only ${sent} sent`);
        assert.ok(grown < 32 * MEGABYTE, `grew by ${grown / MEGABYTE} MiB for ${sent} messages`);
      } finally {
        socket.destroy();
      }
    });
  }
});

/** Sends as much as the connection takes in three seconds, and reads nothing. */
async function flooded(transport: Transport, first: readonly Buffer[], flood: Buffer): Promise<number> {
  let room = true;
  transport.pause();
  transport.attach({
    payload: () => undefined,
    drain: () => {
      room = true;
    },
  });
  for (const message of first) transport.send(message);
  let sent = 0;
  const deadline = performance.now() + 3000;
  while (performance.now() < deadline) {
    for (let index = 0; index < 2000 && room; index++, sent++) room = transport.send(flood);
    await sleep(1);
  }
  return sent;
}

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { Ending } from "../../gateway/front/ending.ts";
import { UpstreamLeg } from "../../gateway/front/upstream-leg.ts";
import type { WayToSandbox } from "../../gateway/model/front-messages.ts";
import type { SandboxId } from "../../gateway/model/ids.ts";
import { eventually } from "../gateway/harness.ts";
import { freePort } from "../ssh/free-port.ts";
import { startSshd, type Sshd } from "../ssh/relay/sshd.ts";

/** One connection that is not logged in, and no other beside it. */
const ONE_AT_A_TIME = ["MaxStartups 1:100:1", "LogLevel VERBOSE"];
/** Milliseconds. */
const WITHIN = 60_000;

test("a connection that the sandbox's sshd drops is made again, from the same port, until there is a place", async () => {
  await using sshd = await startSshd(...ONE_AT_A_TIME);
  const held = await takePlace(sshd);
  const ending = new Ending();
  const before = sshd.log().length;
  using leg = new UpstreamLeg(sshd.hostKeys, ending.signal);
  const reached = leg.reach(await wayTo(sshd));
  await isDropping(sshd, before);
  held.destroy();
  const { transport } = await reached;
  assert.equal(ending.over, false);
  transport.end();
});

test("the session's end ends the wait for a place", async () => {
  await using sshd = await startSshd(...ONE_AT_A_TIME);
  const held = await takePlace(sshd);
  try {
    const ending = new Ending();
    const before = sshd.log().length;
    using leg = new UpstreamLeg(sshd.hostKeys, ending.signal);
    const reached = assert.rejects(leg.reach(await wayTo(sshd)));
    await isDropping(sshd, before);
    ending.end("client-closed");
    await reached;
  } finally {
    held.destroy();
  }
});

test("a leg that is not needed any more does not wait for its connection", { timeout: 50_000 }, async () => {
  const way = { ...(await wayTo({ port: await freePort() })), from: { address: "127.0.0.1", port: 0 } };
  const leg = new UpstreamLeg([], new Ending().signal);
  const reached = leg.reach(way);
  leg[Symbol.dispose]();
  await assert.rejects(reached, ({ cause }: Error) => {
    assert.match(String(cause), /closed/);
    return true;
  });
});

test("an sshd that does not listen is not waited for", async () => {
  const way = { ...(await wayTo({ port: await freePort() })), from: { address: "127.0.0.1", port: 0 } };
  using leg = new UpstreamLeg([], new Ending().signal);
  await assert.rejects(leg.reach(way), ({ cause }: Error) => {
    assert.match(String(cause), /ECONNREFUSED/);
    return true;
  });
});

async function wayTo({ port }: Pick<Sshd, "port">): Promise<WayToSandbox> {
  return {
    sandbox: "0123456789ab" as SandboxId,
    container: "",
    image: "",
    state: "returning",
    address: "127.0.0.1",
    port,
    from: { address: "127.0.0.1", port: await freePort() },
  };
}

/** The look whether it listens may hold the place for a moment. */
function takePlace(sshd: Sshd): Promise<Socket> {
  return eventually(
    "a place",
    async () => {
      const socket = connect(sshd.port, "127.0.0.1");
      const first = await new Promise<string>((resolve) => {
        socket.once("data", (bytes: Buffer) => {
          resolve(bytes.toString("latin1"));
        });
        socket.once("error", (error) => {
          resolve(`${error.message}; sshd: ${sshd.log()}`);
        });
        socket.once("close", () => {
          resolve("");
        });
      });
      if (first.startsWith("SSH-")) return socket;
      socket.destroy();
      return undefined;
    },
    WITHIN,
  );
}

function isDropping(sshd: Sshd, before: number): Promise<true> {
  return eventually(
    "a dropped connection",
    () => Promise.resolve(/drop connection .* MaxStartups/.test(sshd.log().slice(before)) ? true : undefined),
    WITHIN,
  );
}

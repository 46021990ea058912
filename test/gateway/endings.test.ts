/** Every way to end: deadlines, limits, kill -9, a stop; and that nothing is left of a gateway afterwards. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import ssh2, { type Client } from "ssh2";
import {
  clientOptions,
  eventually,
  finishedSessions,
  mitsubako,
  run,
  ssh,
  startGateway,
  type Gateway,
} from "./harness.ts";

const WHO = { user: "root", password: "x", from: "127.0.1.1" };
/** Nothing of another gateway comes there between two of ours. */
const OWN_SLOT = 10;
/** Milliseconds by which a busy machine may be late; the reasons say which deadline it was. */
const LATE = 20_000;

describe("deadlines", { concurrency: 2 }, () => {
  it("before login, idle, of the session, and of the sandbox", async () => {
    await using gateway = await startGateway({ policy: "deadlines: { login: 8s, idle: 2s, session: 8s }\n" });
    const silent = timed("a silent client", 7900, async () => {
      await once(connect(gateway.port, "127.0.0.1").resume(), "end");
    });
    // Its source has a sandbox from here on: what is timed is the deadline, not the making of one.
    assert.equal((await ssh(gateway, WHO, ["true"])).code, 0);
    await timed("an idle one", 1900, async () => {
      assert.notEqual((await ssh(gateway, WHO, ["sleep 60"])).code, 0);
    });
    await timed("a busy one", 7500, async () => {
      assert.notEqual((await ssh(gateway, WHO, ["while sleep 0.3; do echo; done"])).code, 0);
    });
    await silent;
    const reasons = await eventually("four sessions", async () => {
      const listed = await reasonsOf(gateway);
      return listed.length >= 4 ? listed : undefined;
    });
    assert.deepEqual(reasons.sort(), ["client-closed", "idle-deadline", "login-grace", "session-deadline"]);
  });

  it("a sandbox's life ends its sessions and it is gone", async () => {
    await using gateway = await startGateway({ policy: "sandbox: { life: 16s, spares: 1 }\n" });
    await timed("a busy one", 15_000, async () => {
      await ssh(gateway, WHO, ["while sleep 0.3; do echo; done"]);
    });
    const [reason] = await eventually("its end", async () =>
      (await reasonsOf(gateway)).length > 0 ? reasonsOf(gateway) : undefined,
    );
    assert.equal(reason, "sandbox-deadline");
    await ssh(gateway, WHO, ["touch /root/new"]);
    assert.equal((await ssh(gateway, WHO, ["ls /root/new"])).code, 0);
  });
});

describe("limits", () => {
  it("connections over the limit of one source, and over MaxStartups, are turned away as sshd does", async () => {
    await using gateway = await startGateway({ policy: "limits: { connectionsPerSource: 3 }\n" });
    const open = await Promise.all(Array.from({ length: 3 }, () => greeted(gateway.port)));
    for (const { text } of open) assert.match(text, /^SSH-2\.0-OpenSSH/);
    assert.match((await greeted(gateway.port)).text, /^Exceeded MaxStartups\r\n$/);
    for (const { socket } of open) socket.destroy();
    await eventually("room again", async () =>
      (await greeted(gateway.port)).text.startsWith("SSH-2.0") ? true : undefined,
    );
  });

  it("a session that fills its recording ends, and all that it got is in there", async () => {
    await using gateway = await startGateway({ policy: "limits: { recordingSize: 1m }\n" });
    const { code, stdout } = await ssh(gateway, WHO, ["cat /dev/zero"]);
    assert.notEqual(code, 0);
    assert.deepEqual(await reasonsAfter(gateway, 1), ["recording-full"]);
    const [folder = ""] = await finishedSessions(gateway);
    const id = folder.split("/").at(-1) ?? "";
    assert.equal((await mitsubako(gateway, "verify", id)).code, 0);
    const recorded = (await mitsubako(gateway, "play", id, "--raw")).stdout;
    assert.ok(recorded.length >= stdout.length && recorded.length < 2 ** 20, `${recorded.length}`);
    // The rest of it was on its way when the connection ended.
    assert.ok(stdout.length > 2 ** 16, `${stdout.length}`);
  });

  it("channels beyond the bound fail to open, and the session goes on; a flood of requests ends it", async () => {
    await using gateway = await startGateway({ policy: "limits: { channels: 20, requestsPerSecond: 50 }\n" });
    const stranger = await connected(gateway);
    const opened = await Promise.all(Array.from({ length: 25 }, () => forwarded(stranger)));
    assert.equal(opened.filter((problem) => problem === undefined).length, 20);
    assert.equal(opened.filter((problem) => /open failed/.test(problem ?? "")).length, 5);
    assert.deepEqual(await reasonsOf(gateway), []);
    const closed = new Promise<void>((resolve) => {
      stranger.on("close", () => {
        resolve();
      });
    });
    // It ends in the middle of them; those after that are refused by the client itself.
    for (let count = 0; count < 500; count++) void forwarded(stranger).catch(() => undefined);
    await closed;
    assert.deepEqual(await reasonsAfter(gateway, 1), ["flood"]);
    // It was theirs alone, and their sandbox is as it was.
    assert.equal((await ssh(gateway, WHO, ["true"])).code, 0);
  });
});

describe("kill -9 and a clean stop", () => {
  it("of a front in mid-session: its recording reads up to there", async () => {
    await using gateway = await startGateway();
    const held = client(gateway, "echo before; sleep 60");
    await once(held.stdout, "data");
    for (const pid of gateway.fronts) process.kill(pid, "SIGKILL");
    await once(held, "close");
    const [folder = ""] = await eventually("the recording", async () => {
      const found = await finishedSessions(gateway);
      return found.length > 0 ? found : undefined;
    });
    const id = folder.split("/").at(-1) ?? "";
    assert.equal((await mitsubako(gateway, "play", id, "--raw")).stdout.toString(), "before\n");
    assert.equal((await mitsubako(gateway, "verify", id)).code, 0);
  });

  it("of the warden: everything of ours dies with it, the fence stands, the next start cleans up", async () => {
    const data = await mkdtemp(join(tmpdir(), "mitsubako-kill-"));
    try {
      const first = await startGateway({ data, slot: OWN_SLOT });
      assert.equal(first.slot, OWN_SLOT);
      const held = client(first, "echo before; sleep 60");
      await once(held.stdout, "data");
      first.process.kill("SIGKILL");
      await once(held, "close");
      await eventually("the fronts' death", () =>
        Promise.resolve(first.fronts.every(gone) ? true : undefined),
      );
      assert.equal(
        (await run("nft", ["list", "table", "inet", `mitsubako${first.slot}`])).code,
        0,
        "the fence stands",
      );
      const left = await containers(first.slot);
      assert.ok(left.length > 0, "its sandboxes are left");

      await using second = await startGateway({ data });
      assert.equal(second.slot, first.slot);
      for (const id of left)
        assert.ok(!(await containers(second.slot)).includes(id), "the old sandboxes are gone");
      assert.equal((await finishedSessions(second)).length, 1, "the recording was taken over");
      assert.equal(await second.stop(), 0);
      assert.deepEqual(await remains(first.slot), []);
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  });

  it("SIGTERM ends sessions within the drain's time, and leaves nothing", async () => {
    await using gateway = await startGateway({ policy: "deadlines: { drain: 1s }\n", slot: OWN_SLOT });
    const held = client(gateway, "echo ready; sleep 60");
    await once(held.stdout, "data");
    await timed("the stop", 900, async () => {
      assert.equal(await gateway.stop(), 0);
    });
    assert.deepEqual(await reasonsOf(gateway), ["drain"]);
    assert.deepEqual(await remains(gateway.slot), []);
  });
});

describe("two gateways on one machine", () => {
  it("have different slots and do not meet", async () => {
    await using one = await startGateway();
    await using other = await startGateway();
    assert.notEqual(one.slot, other.slot);
    assert.equal((await ssh(one, WHO, ["touch /root/one"])).code, 0);
    assert.equal((await ssh(other, WHO, ["ls /root/one"])).code, 2);
  });

  it("on the same data folder or port: one sentence with its remedy, and exit code 2", async () => {
    await using one = await startGateway();
    const again = (...more: string[]) =>
      run(process.execPath, ["gateway/main.ts", "serve", ...more], {
        cwd: join(import.meta.dirname, "..", ".."),
      });
    const data = await mkdtemp(join(tmpdir(), "mitsubako-other-"));
    const samePort = await again("--data", data, "--listen", `127.0.0.1:${one.port}`);
    assert.equal(samePort.code, 2);
    assert.match(
      samePort.stderr.toString(),
      /^mitsubako: Another program listens on 127\.0\.0\.1:\d+ already\. Stop it/m,
    );
    const sameData = await again("--data", one.data, "--listen", "127.0.0.1:0");
    assert.equal(sameData.code, 2);
    assert.match(sameData.stderr.toString(), /^mitsubako: Another gateway works on the data folder/m);
    await rm(data, { recursive: true, force: true });
  });
});

/** Nothing here ends earlier than it should, however busy the machine; nor by a minute's patience of somebody else. */
async function timed(what: string, least: number, run: () => Promise<void>): Promise<void> {
  const began = performance.now();
  await run();
  const took = performance.now() - began;
  assert.ok(
    took >= least && took <= least + LATE,
    `${what}: ${Math.round(took)} ms, not ${least} and a little`,
  );
}

async function reasonsOf(gateway: Gateway): Promise<string[]> {
  const { stdout } = await mitsubako(gateway, "sessions", "--json");
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const reason = (JSON.parse(line) as { endReason?: string | null }).endReason;
      return reason ? [reason] : [];
    });
}

function client(gateway: Gateway, command: string) {
  return spawn(
    "sshpass",
    ["-e", "ssh", "-p", String(gateway.port), ...clientOptions(WHO), "root@127.0.0.1", command],
    {
      env: { ...process.env, SSHPASS: WHO.password },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
}

/** The end reasons, when there are so many. */
function reasonsAfter(gateway: Gateway, count: number): Promise<string[]> {
  return eventually(`${count} ended sessions`, async () => {
    const listed = await reasonsOf(gateway);
    return listed.length >= count ? listed : undefined;
  });
}

async function connected(gateway: Gateway): Promise<Client> {
  const stranger = new ssh2.Client();
  stranger.on("error", () => undefined);
  stranger.connect({
    host: "127.0.0.1",
    port: gateway.port,
    localAddress: WHO.from,
    username: WHO.user,
    password: WHO.password,
    readyTimeout: 60_000,
  });
  await once(stranger, "ready");
  return stranger;
}

/** Opens a channel to the sandbox's own sshd and keeps it. @returns what was in the way. */
function forwarded(stranger: Client): Promise<string | undefined> {
  return new Promise((resolve) => {
    stranger.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, (problem) => {
      resolve(problem?.message);
    });
  });
}

async function greeted(port: number): Promise<{ text: string; socket: Socket }> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return { text: bytes.toString("latin1"), socket };
}

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function containers(slot: number): Promise<string[]> {
  const { stdout } = await run("curl", [
    "-s",
    "--unix-socket",
    "/var/run/docker.sock",
    `http://engine/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [`mitsubako.slot=${slot}`] }))}`,
  ]);
  return (JSON.parse(stdout.toString()) as { Id: string }[]).map(({ Id }) => Id);
}

/** Whatever carries the slot's number in engine and kernel. */
async function remains(slot: number): Promise<string[]> {
  const links = await readdir("/sys/class/net");
  const tables = (await run("nft", ["list", "tables"])).stdout.toString().split("\n");
  const rules = (await run("ip", ["rule"])).stdout.toString().split("\n");
  return [
    ...(await containers(slot)),
    ...links.filter((name) => name === `mbk${slot}`),
    ...tables.filter((line) => line.endsWith(` mitsubako${slot}`)),
    ...rules.filter((line) => line.includes(`mbk${slot} `)),
  ];
}

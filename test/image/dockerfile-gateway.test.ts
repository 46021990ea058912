import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import Dockerode from "dockerode";
import { run } from "../gateway/harness.ts";
import { GatewayImage } from "./gateway-image.ts";

const docker = new Dockerode();

describe("the gateway as an image", () => {
  let image: GatewayImage | undefined;
  let data: string;
  before(async () => {
    data = await mkdtemp("/var/tmp/mitsubako-gateway-image-");
    image = await GatewayImage.build();
  });
  after(async () => {
    await image?.[Symbol.asyncDispose]();
    await rm(data, { recursive: true, force: true });
  });

  it("runs beside the host's engine, lets a stranger in and records it", async () => {
    assert.ok(image);
    const engine = (await docker.info()) as { DockerRootDir: string };
    // Subfolder of the user namespace, where there is one; the engine's folder is the one to share.
    const engineFolder = engine.DockerRootDir.replace(/\/\d+\.\d+$/, "");
    // As the comment in Dockerfile.gateway says.
    const container = await docker.createContainer({
      Image: image.reference,
      Cmd: ["serve", "--listen", "127.0.0.1:0", "--json"],
      Labels: { mitsubako: "1", "mitsubako.purpose": "test-gateway-image" },
      HostConfig: {
        NetworkMode: "host",
        PidMode: "host",
        UsernsMode: "host",
        // The types do not know it.
        ...{ CgroupnsMode: "host" },
        CapAdd: ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH"],
        SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"],
        // What the command line makes of systempaths=unconfined.
        MaskedPaths: [],
        ReadonlyPaths: [],
        Binds: [
          "/sys:/sys",
          "/var/run/docker.sock:/var/run/docker.sock",
          `${engineFolder}:${engineFolder}`,
          `${data}:/var/lib/mitsubako`,
        ],
      },
    });
    try {
      const attached = await container.attach({ stream: true, stdout: true, stderr: true });
      const out = new PassThrough();
      const log: Buffer[] = [];
      docker.modem.demuxStream(
        attached,
        out,
        new PassThrough().on("data", (part: Buffer) => log.push(part)),
      );
      attached.on("end", () => out.end());
      const lines = createInterface({ input: out });
      const listening = once(lines, "line", { signal: AbortSignal.timeout(120_000) }) as Promise<[string]>;
      await container.start();
      const [line] = await listening.catch((error: unknown) => {
        throw new Error(`it did not start: ${Buffer.concat(log).toString()}`, { cause: error });
      });
      const { addresses } = JSON.parse(line) as { addresses: { port: number }[] };
      const port = String(addresses[0]?.port);

      const login = await run(
        "sshpass",
        [
          ...["-e", "ssh", "-F", "/dev/null", "-p", port, "-o", "StrictHostKeyChecking=no"],
          ...["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "PubkeyAuthentication=no"],
          ...["root@127.0.0.1", "echo in; id -u; cat /etc/debian_version"],
        ],
        { env: { SSHPASS: "a made-up one" } },
      );
      assert.match(login.stdout.toString(), /^in\n0\n12\.\d+\n$/, login.stderr.toString());

      // It would say that files are not watched; of processes it does, without CAP_BPF, which older engines do not know.
      assert.doesNotMatch(Buffer.concat(log).toString(), /evidence\.watchFiles/);
      assert.match(Buffer.concat(log).toString(), /evidence\.processes: what runs in sandboxes is not seen/);

      assert.doesNotMatch(Buffer.concat(log).toString(), /control groups/);

      await container.stop({ t: 60 });
      assert.equal((await container.inspect()).State.ExitCode, 0, Buffer.concat(log).toString());
    } finally {
      await container.remove({ force: true, v: true });
    }
    const [day = ""] = await readdir(join(data, "recordings"));
    const [session = ""] = await readdir(join(data, "recordings", day));
    const kept = await readdir(join(data, "recordings", day, session));
    // What ran may have been told when the session was over.
    const always = kept.filter((name) => name !== "network.jsonl");
    assert.deepEqual(always.sort(), ["capture.json", "session.mbr"]);
  });
});

/** What the gateway does for its machine: room on its disk, descriptors, engines that cannot do what a policy asks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import { openFilesNeeded } from "../../gateway/warden/open-files.ts";
import { clientOptions, eventually, finishedSessions, run, ssh, startGateway } from "./harness.ts";

const WHO = { user: "root", password: "x", from: "127.0.7.1" };
const MEBIBYTE = 2 ** 20;

async function greeting(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [bytes] = (await once(socket, "data")) as [Buffer];
    return bytes.toString("latin1");
  } finally {
    socket.destroy();
  }
}

it("below the disk's floor nobody new is let in, whoever is in stays; with room again all is as before", async () => {
  const disk = await mkdtemp(join(tmpdir(), "mitsubako-disk-"));
  assert.equal((await run("mount", ["-t", "tmpfs", "-o", "size=512m,mode=755", "test", disk])).code, 0);
  try {
    await using gateway = await startGateway({
      data: join(disk, "data"),
      policy: "limits: { diskFloor: 200 MiB }\n",
    });
    const inside = spawn(
      "sshpass",
      ["-e", "ssh", "-p", String(gateway.port), ...clientOptions(WHO), "root@127.0.0.1", "echo in; cat"],
      { env: { ...process.env, SSHPASS: WHO.password }, stdio: ["pipe", "pipe", "ignore"] },
    );
    const said = text(inside.stdout);
    await once(inside.stdout, "readable");
    const filler = join(disk, "filler");
    await writeFile(filler, Buffer.alloc(450 * MEBIBYTE, 1));
    await eventually("the refusal", async () =>
      (await greeting(gateway.port)) === "Exceeded MaxStartups\r\n" ? true : undefined,
    );
    await eventually("the word of it", () =>
      Promise.resolve(/less room than half of limits\.diskFloor/.test(gateway.log()) ? true : undefined),
    );
    await rm(filler);
    await eventually("room again", async () =>
      (await greeting(gateway.port)).startsWith("SSH-2.0-") ? true : undefined,
    );
    assert.match(gateway.log(), /there is room on the disk again/);
    // The sandboxes lie on another disk: ending them would have made no room.
    inside.stdin.end("still\n");
    assert.equal(await said, "in\nstill\n");
    assert.equal((await ssh(gateway, WHO, ["echo new"])).stdout.toString(), "new\n");
    assert.equal(await gateway.stop(), 0);
    assert.ok((await finishedSessions({ data: join(disk, "data") })).length >= 2);
  } finally {
    await run("umount", [disk]);
    await rm(disk, { recursive: true });
  }
});

it("fronts have the open files that the policy's connections need; a policy that the engine cannot do is refused live", async () => {
  await using gateway = await startGateway({ policy: "limits: { connections: 1000 }\n" });
  for (const front of gateway.fronts) {
    const limits = await readFile(`/proc/${front}/limits`, "utf8");
    const most = Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
    assert.ok(most >= openFilesNeeded(1000), limits);
  }
  await writeFile(gateway.policy, "sandbox: { runtime: runsc-of-nobody }\n");
  await eventually("the refusal", () =>
    Promise.resolve(/the new policy was refused/.test(gateway.log()) ? true : undefined),
  );
  assert.equal((await ssh(gateway, WHO, ["echo as before"])).stdout.toString(), "as before\n");
});

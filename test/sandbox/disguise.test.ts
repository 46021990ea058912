import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { pino } from "pino";
import { disguiseFor, uncoverRoot } from "../../gateway/sandbox/disguise.ts";
import { reap } from "../../gateway/sandbox/reap.ts";
import { waitForServices } from "../../gateway/sandbox/services.ts";
import { buildDisguise } from "../../gateway/warden/disguise-program.ts";
import { openWorkbench, type Workbench } from "./workbench.ts";

/** Slot of this file's own, far from those that gateways take first. */
const PREFERRED = 9;
const run = promisify(execFile);
const never = new AbortController().signal;

let folder = "";
let program: string | undefined;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mitsubako-disguise-"));
  program = await buildDisguise(folder, pino({ level: "silent" }));
  assert.ok(program !== undefined, "tcc and musl-dev are needed");
});
after(() => rm(folder, { recursive: true }));

test("nothing of the engine is in a sandbox's mounts, files and sockets, and reaping takes all of it", async () => {
  await using bench = await openWorkbench(PREFERRED, {}, {}, program);
  const lease = await bench.pool.lease("a", bench.session(), never);
  const info = await inspect(bench, lease.sandbox.container);
  const pid = info.State.Pid;
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, "latin1");
  assert.match(mounts, / \/ rw,\S+ .*- overlay overlay \S*lowerdir=\/lower\/\d.*,upperdir=\/upper\/data,/);
  for (const word of [/docker/, /containers/, /devtmpfs/, /cgroup/, /uid=/, /gid=/, / \/etc\//])
    assert.doesNotMatch(mounts, word);
  const inside = (path: string) => readFileSync(`/proc/${pid}/root${path}`, "latin1");
  assert.match(inside("/etc/hosts"), new RegExp(`^127\\.0\\.1\\.1\t${info.Config.Hostname}$`, "m"));
  assert.equal(inside("/etc/hostname"), `${info.Config.Hostname}\n`);
  for (const table of ["tcp", "udp"])
    // 127.0.0.11, as the kernel writes it.
    assert.doesNotMatch(readFileSync(`/proc/${pid}/net/${table}`, "latin1"), /0B00007F/);

  const own = ["hosts", "hostname", "resolv.conf", "mtab"].map((name) =>
    lstatSync(`/proc/${pid}/root/etc/${name}`),
  );
  const installed = lstatSync(`/proc/${pid}/root/etc/fstab`);
  for (const { uid, gid, mtimeMs } of own)
    assert.deepEqual([uid, gid, mtimeMs], [installed.uid, installed.gid, installed.mtimeMs]);
  assert.equal(readlinkSync(`/proc/${pid}/root/etc/mtab`), "../proc/self/mounts");
  assert.equal(existsSync(`/proc/${pid}/root/run/systemd/journal/synced`), false);
  assert.equal(await waitForServices(pid, 10_000), undefined);

  const { UpperDir: upper } = info.GraphDriver.Data as unknown as { UpperDir: string };
  const layer = dirname(upper);
  assert.equal(mountsBelow(layer), 2);
  // Behind the pool's back, as after a kill of the gateway.
  await reap({ engine: bench.engine, slot: bench.slot });
  assert.equal(mountsBelow(layer), 0);
  assert.equal(existsSync(layer), false);
  await lease[Symbol.asyncDispose]();
});

test("a sandbox that cannot be disguised is not given out, and nothing of it is left", async () => {
  await using bench = await openWorkbench(PREFERRED, {}, {}, "/bin/false");
  await assert.rejects(bench.pool.lease("a", bench.session(), never), { code: "no-sandbox" });
  const left = await reap({ engine: bench.engine, slot: bench.slot, dryRun: true });
  assert.deepEqual(
    left.map(({ kind }) => kind),
    ["network"],
  );
});

test("where the engine's folder cannot be mounted in, there is no disguise, and the log says why", () => {
  const warnings: unknown[] = [];
  const log = { warn: (...said: readonly unknown[]) => warnings.push(said) };
  const facts = { storageDriver: "vfs", dataRoot: "/engine", remap: { uid: 0, gid: 0 } };
  assert.equal(disguiseFor("/bin/true", { ...facts, diskCap: false }, log), undefined);
  assert.match(JSON.stringify(warnings), /"storageDriver":"vfs".*they are containers/);
  assert.ok(disguiseFor("/bin/true", { ...facts, diskCap: true }, log));
  assert.equal(warnings.length, 1);
});

test("a process number that has become another's is left alone", async () => {
  await using stranger = await inMountsOfItsOwn();
  const before = readFileSync(`/proc/${stranger.pid}/mounts`, "latin1");
  assert.match(before, / \/sys\/fs\/cgroup /);
  await assert.rejects(run(program ?? "", ["groups", String(stranger.pid), folder]), {
    stderr: /none of the container's/,
  });
  assert.equal(readFileSync(`/proc/${stranger.pid}/mounts`, "latin1"), before);
});

test("a root of many layers is mounted, one of more than the kernel takes the names of is refused", async () => {
  const layers = Array.from({ length: 27 }, (_, at) => join(folder, `layer-${at}`));
  const own = join(folder, "own");
  for (const path of [...layers, own, join(own, "diff"), join(own, "work")]) await mkdir(path);
  await writeFile(join(layers.at(-2) ?? "", "file"), "of the lowest\n");
  try {
    await run(program ?? "", ["root", own, ...layers.slice(0, 26)]);
    assert.equal(readFileSync(join(own, "merged", "file"), "latin1"), "of the lowest\n");
  } finally {
    await uncoverRoot(own);
  }
  await assert.rejects(run(program ?? "", ["root", own, ...layers]), { stderr: /more than 25 layers/ });
  assert.equal(mountsBelow(own), 0);
});

/** A process that shares nothing but its mounts' beginning with us. */
async function inMountsOfItsOwn(): Promise<{ readonly pid: number } & AsyncDisposable> {
  const child = spawn("unshare", ["--mount", "sh", "-c", "echo; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const ended = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function inspect({ engine }: Workbench, container: string) {
  return engine.call("describe a sandbox", (docker) => docker.getContainer(container).inspect());
}

function mountsBelow(layer: string): number {
  return readFileSync("/proc/mounts", "latin1")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.startsWith(layer)).length;
}

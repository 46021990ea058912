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
import { DisguiseFailed, disguiseFor, tellingMount, uncoverRoot, type Disguise } from "../../gateway/sandbox/disguise.ts"; // prettier-ignore
import { EngineRefused } from "../../gateway/sandbox/docker.ts";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { learnEngine } from "../../gateway/sandbox/engine-facts.ts";
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
  assert.equal(await waitForServices(pid, 60_000), undefined);

  const { UpperDir: upper } = info.GraphDriver.Data as unknown as { UpperDir: string };
  const layer = dirname(upper);
  assert.equal(mountsBelow(layer), 2);
  assert.ok((await groupsOf(info.Id)).some((path) => path.endsWith(`${info.Id}/init.scope`)));
  // Behind the pool's back, as after a kill of the gateway.
  await reap({ engine: bench.engine, slot: bench.slot });
  assert.equal(mountsBelow(layer), 0);
  assert.equal(existsSync(layer), false);
  assert.deepEqual(await groupsOf(info.Id), []);
  await lease[Symbol.asyncDispose]();
});

test("a sandbox that cannot be disguised is not given out, and nothing of it is left; after the third they are plain containers", async () => {
  await using bench = await openWorkbench(PREFERRED, {}, {}, "/bin/false");
  const lease = (source: string) => bench.pool.lease(source, bench.session(), never);
  for (const source of ["a", "b", "c"]) await assert.rejects(lease(source), { code: "no-sandbox" });
  const left = await reap({ engine: bench.engine, slot: bench.slot, dryRun: true });
  assert.deepEqual(
    left.map(({ kind }) => kind),
    ["network"],
  );
  await using plain = await lease("d");
  const { Id: container, State: state } = await inspect(bench, plain.sandbox.container);
  const { dataRoot } = await learnEngine(bench.engine);
  const mounts = readFileSync(`/proc/${state.Pid}/mountinfo`, "latin1");
  assert.match(tellingMount(mounts, { dataRoot, container }) ?? "", /"/);
});

test("where the engine's folder cannot be mounted in, there is no disguise, and the log says why; where it is required nothing starts", () => {
  const warnings: unknown[] = [];
  const log = { warn: (...said: readonly unknown[]) => warnings.push(said) };
  const facts = { storageDriver: "vfs", dataRoot: "/engine", remap: { uid: 0, gid: 0 }, diskCap: false };
  const given = { program: "/bin/true", facts, log };
  assert.equal(disguiseFor({ ...given, wanted: "auto" }), undefined);
  assert.match(JSON.stringify(warnings), /"storageDriver":"vfs".*they are containers/);
  assert.throws(() => disguiseFor({ ...given, wanted: "required" }), {
    code: "engine-unfit",
    message: /not this process's to mount in/,
  });
  const able = { ...given, facts: { ...facts, diskCap: true } };
  assert.ok(disguiseFor({ ...able, wanted: "auto" }));
  assert.equal(disguiseFor({ ...able, wanted: "off" }), undefined);
  assert.throws(() => disguiseFor({ ...able, program: undefined, wanted: "required" }), /tcc and musl-dev/);
  assert.equal(warnings.length, 1);
});

test("an engine that lets nothing be hidden is said once, and its sandboxes are plain then, if the policy lets them be", () => {
  const warnings: unknown[] = [];
  const log = { warn: (...said: readonly unknown[]) => warnings.push(said) };
  const facts = { storageDriver: "overlay2", dataRoot: "/engine", remap: { uid: 0, gid: 0 }, diskCap: true };
  const made = (wanted: "auto" | "required") => disguiseFor({ program: "/bin/true", facts, wanted, log });
  const failed = new DisguiseFailed("It did otherwise.");
  const afterFailures = (disguise: Disguise | undefined, count: number, error: Error = failed) => {
    for (let failure = 0; failure < count; failure++) disguise?.failed(error);
    return disguise?.inUse;
  };
  const unfit = made("auto");
  // What else keeps sandboxes from being made does not count, however often.
  for (const other of [
    new MitsubakoError("engine-dead", "It does not answer."),
    new EngineRefused("create a sandbox", 409, new Error("name in use")),
    new EngineRefused("start a sandbox", 500, new Error("no space left on device")),
    new MitsubakoError("engine-refused", "A sandbox's disk cannot be seen."),
  ])
    assert.ok(afterFailures(unfit, 3, other));
  assert.ok(afterFailures(unfit, 2));
  assert.equal(afterFailures(unfit, 1), undefined);
  assert.equal(afterFailures(unfit, 1), undefined);
  assert.equal(warnings.length, 1);
  assert.ok(afterFailures(made("required"), 9));
  const proved = made("auto");
  proved?.worked();
  assert.ok(afterFailures(proved, 9));
  assert.equal(warnings.length, 1);
});

test("a mount that tells of a container is found by its place, a server's are passed over", () => {
  const container = "0123456789abcdef".repeat(4);
  const ours =
    "136 78 0:52 / / rw - overlay overlay rw,lowerdir=/lower/2:/lower/1,upperdir=/upper/data,workdir=/upper/work";
  const server = [
    ours,
    "137 136 0:59 / /proc rw - proc proc rw",
    "140 136 0:61 /null /proc/keys rw - tmpfs udev rw",
  ];
  const found = (...lines: readonly string[]) =>
    tellingMount([...server, ...lines].join("\n"), { dataRoot: "/srv/engine", container });
  assert.equal(found(), undefined);
  assert.equal(found("9 8 7:0 /a/hosts /etc/hosts rw - ext4 /dev/vda1 rw"), '"/etc/" at /etc/hosts');
  assert.equal(found("9 8 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw"), '"cgroup" at /sys/fs/cgroup');
  assert.equal(found("9 8 7:0 /srv/engine/x /mnt rw - ext4 /dev/vda1 rw"), '"/srv/engine/" at /mnt');
  assert.equal(found(`9 8 7:0 /a/${container}/b /mnt rw - ext4 /dev/vda1 rw`), `"${container}" at /mnt`);
  const engines = ours.replaceAll(/\/(lower|upper)\//g, "/layers/");
  assert.equal(found(engines), "a root of the engine's own");
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

/** Every control group of a container, and of what is in it. */
async function groupsOf(container: string): Promise<string[]> {
  const looking = run("find", ["/sys/fs/cgroup", "-type", "d", "-path", `*${container}*`]);
  // It complains of other containers' that go while it looks.
  const { stdout } = await looking.catch((error: unknown) => error as { stdout: string });
  return stdout.split("\n").filter(Boolean);
}

function mountsBelow(layer: string): number {
  return readFileSync("/proc/mounts", "latin1")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.startsWith(layer)).length;
}

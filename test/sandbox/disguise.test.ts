import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { pino } from "pino";
import { reap } from "../../gateway/sandbox/reap.ts";
import { buildDisguise } from "../../gateway/warden/disguise-program.ts";
import { openWorkbench, type Workbench } from "./workbench.ts";

/** Slot of this file's own, far from those that gateways take first. */
const PREFERRED = 9;
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

function inspect({ engine }: Workbench, container: string) {
  return engine.call("describe a sandbox", (docker) => docker.getContainer(container).inspect());
}

function mountsBelow(layer: string): number {
  return readFileSync("/proc/mounts", "latin1")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.startsWith(layer)).length;
}

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { test, type TestContext } from "node:test";
import { pino, type Logger } from "pino";
import { DiskFloor, type Relief } from "../../gateway/warden/disk-floor.ts";
import { eventually, login, openWorkbench } from "../sandbox/workbench.ts";

const FLOOR = 1000;
const GIVES_NOTHING: Relief = {
  evictIdle: () => Promise.resolve(false),
  endFullest: () => Promise.resolve(false),
  policyChanged: () => undefined,
};

function keptLog(): { log: Logger; levels: () => number[] } {
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  return { log, levels: () => lines.map((line) => (JSON.parse(line) as { level: number }).level) };
}

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(`${tmpdir()}/mitsubako-floor-`);
  t.after(() => rm(made, { recursive: true }));
  return made;
}

test("the floor is reached at once and left only with some room over it; each change is said once", async (t) => {
  const disk = await folder(t);
  const { log, levels } = keptLog();
  let free = 999;
  let looks = 0;
  await using floor = await DiskFloor.open({
    data: disk,
    engine: disk,
    floor: () => FLOOR,
    log,
    freeIn: () => {
      looks++;
      return Promise.resolve(free);
    },
  });
  const asked: string[] = [];
  assert.deepEqual(floor.room, { isShort: true, free: 999 }, "known before anybody is served");
  floor.watch({
    evictIdle: () => Promise.resolve(asked.push("idle") < 0),
    endFullest: () => Promise.resolve(asked.push("fullest") < 0),
    policyChanged: () => void asked.push("look again"),
  });
  const after = async (bytes: number) => {
    free = bytes;
    const before = looks;
    await eventually(() => looks >= before + 3);
    return asked.splice(0);
  };
  assert.ok((await after(999)).every((what) => what === "idle"));
  assert.ok((await after(499)).includes("fullest"));
  await after(1001);
  assert.equal(floor.room.isShort, true, "not yet enough to let anybody in");
  assert.deepEqual(await after(1001), [], "over the floor nothing is taken away");
  assert.deepEqual(await after(1100), ["look again"]);
  assert.equal(floor.room.isShort, false);
  assert.equal((await after(700))[0], "look again");
  // warn, error, warn, info, warn: as often as it changed, however often it was looked at.
  assert.deepEqual(levels(), [40, 50, 40, 30, 40]);
});

test("a disk that cannot be seen is told once, and does not end the watch", async (t) => {
  const disk = await folder(t);
  const { log, levels } = keptLog();
  let looks = 0;
  await using floor = await DiskFloor.open({
    data: disk,
    engine: disk,
    floor: () => FLOOR,
    log,
    freeIn: () => (++looks < 4 ? Promise.reject(new Error("gone")) : Promise.resolve(400)),
  });
  floor.watch(GIVES_NOTHING);
  await eventually(() => floor.room.isShort);
  assert.deepEqual(levels(), [50, 50], "that it cannot be seen, and that it is nearly full");
});

test("where only the data folder's disk is short, no sandbox is ended: they hold nothing of it", async (t) => {
  const disk = await folder(t);
  const asked: string[] = [];
  await using floor = await DiskFloor.open({
    data: disk,
    engine: "/proc",
    floor: () => FLOOR,
    log: pino({ level: "silent" }),
    freeIn: (of) => Promise.resolve(of === disk ? 10 : 1_000_000),
  });
  floor.watch({
    evictIdle: () => Promise.resolve(asked.push("idle") > 0),
    endFullest: () => Promise.resolve(asked.push("fullest") > 0),
    policyChanged: () => undefined,
  });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.deepEqual(floor.room, { isShort: true, free: 10 });
  assert.deepEqual(asked, []);
});

test("real sandboxes: the idle one goes, then the one that holds most, captured; the other lives on", async (t) => {
  const never = new AbortController().signal;
  await using bench = await openWorkbench(8, { spares: 1 });
  const disk = await folder(t);
  let free = 10_000;
  await using floor = await DiskFloor.open({
    data: disk,
    engine: disk,
    floor: () => FLOOR,
    log: pino({ level: "silent" }),
    freeIn: () => Promise.resolve(free),
  });
  const enter = async (source: string, command: string) => {
    const lease = await bench.pool.lease(source, bench.session(), never);
    await lease.ensureAccount("root", Buffer.from("x"));
    const ran = await login(lease.sandbox.address, "root", "x", command);
    assert.equal(ran.code, 0, ran.stderr);
    return lease;
  };
  const small = await enter("small", "echo small > /root/it");
  const large = await enter("large", "head -c 60000000 /dev/urandom > /root/it");
  const idle = await enter("idle", "echo idle > /root/it");
  await idle[Symbol.asyncDispose]();
  await eventually(() => bench.captures.length === 1 && bench.pool.figures.spares === 1);

  floor.watch(bench.pool);
  free = 900;
  await eventually(() => floor.room.isShort);
  bench.room = floor.room;
  await eventually(() => !bench.pool.living("idle"));
  assert.ok(bench.pool.living("small") && bench.pool.living("large"));
  await assert.rejects(bench.pool.lease("new", bench.session(), never), { code: "no-sandbox" });

  free = 400;
  await eventually(() => bench.expired.length > 0);
  assert.deepEqual(bench.expired, [large.session]);
  assert.deepEqual(bench.reasons, ["disk-floor"]);
  // It is gone whether or not its sessions end when they are told.
  await eventually(() => !bench.pool.living("large") && bench.captures.length === 2);
  free = 10_000;
  const captured = bench.captures[1]?.changes.find(({ path }) => path === "/root/it");
  assert.equal(captured?.leftOut, "total-reached", "what is left is not spent on its capture");
  await eventually(() => !floor.room.isShort);
  bench.room = floor.room;
  assert.ok(small.alive && bench.pool.living("small"));
  assert.equal((await login(small.sandbox.address, "root", "x", "cat /root/it")).stdout, "small\n");
  // And there is a spare again, for whoever comes next.
  await eventually(() => bench.pool.figures.spares === 1);
  await small[Symbol.asyncDispose]();
  await large[Symbol.asyncDispose]();
});

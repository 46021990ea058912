import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lease } from "../../gateway/sandbox/lease.ts";
import { eventually, login, openWorkbench, type Workbench } from "./workbench.ts";

const PREFERRED = 12;
const never = new AbortController().signal;

async function leaseFor(bench: Workbench, source: string, password = "x"): Promise<Lease> {
  const lease = await bench.pool.lease(source, bench.session(), never);
  await lease.ensureAccount("root", Buffer.from(password));
  return lease;
}

async function giveBack(lease: Lease): Promise<void> {
  await lease[Symbol.asyncDispose]();
}

async function containersOf(bench: Workbench): Promise<number> {
  const filters = { label: [`mitsubako.slot=${bench.slot}`] };
  const list = await bench.engine.call("list", (docker) => docker.listContainers({ all: true, filters }));
  return list.length;
}

const isNoSandbox = { code: "no-sandbox" };

test("a source finds its own sandbox again, others get another one", async () => {
  await using bench = await openWorkbench(PREFERRED);
  const first = await leaseFor(bench, "a");
  assert.equal(first.state, "new");
  const wrote = await login(first.sandbox.address, "root", "x", "echo kept > /root/mine");
  assert.equal(wrote.code, 0, wrote.stderr);
  await giveBack(first);
  assert.equal(first.alive, false);
  assert.ok(bench.pool.living("a"));

  const again = await bench.pool.lease("a", bench.session(), never);
  assert.equal(again.state, "returning");
  assert.equal(again.sandbox.id, first.sandbox.id);
  assert.equal((await login(again.sandbox.address, "root", "x", "cat /root/mine")).stdout, "kept\n");

  const other = await leaseFor(bench, "b");
  assert.equal(other.state, "new");
  assert.notEqual(other.sandbox.id, first.sandbox.id);
  assert.notEqual(other.sandbox.address, first.sandbox.address);
  assert.equal((await login(other.sandbox.address, "root", "x", "ls /root")).stdout, "");
  await Promise.all([giveBack(again), giveBack(other)]);
});

test("in fresh mode a sandbox goes with its session, captured", async () => {
  await using bench = await openWorkbench(PREFERRED, { mode: "fresh" });
  const lease = await leaseFor(bench, "session 1");
  await login(lease.sandbox.address, "root", "x", "echo 1 > /tmp/dropped");
  await giveBack(lease);
  assert.equal(bench.pool.living("session 1"), false);
  await eventually(async () => (await containersOf(bench)) === 0);
  const [capture] = bench.captures;
  assert.deepEqual(capture?.sessions, [lease.session]);
  assert.ok(capture.changes.some(({ kind, path }) => kind === "A" && path === "/tmp/dropped"));
});

test("who is in a sandbox is known by its addresses until it is removed, the last to leave last", async () => {
  await using bench = await openWorkbench(PREFERRED);
  const { pool } = bench;
  const [first, second] = [await leaseFor(bench, "a"), await leaseFor(bench, "a")];
  const { id, address } = first.sandbox;
  await login(address, "root", "x", "true");
  const mac = (await login(address, "root", "x", "cat /sys/class/net/eth0/address")).stdout.trim();
  assert.match(mac, /^52:54:00:/);
  assert.deepEqual(pool.occupants(address, undefined)?.sessions, [first.session, second.session]);
  await giveBack(first);
  const known = { sandbox: id, sessions: [second.session, first.session] };
  assert.deepEqual(pool.occupants(address, undefined), known);
  assert.deepEqual(pool.occupants(undefined, mac), known);
  assert.equal(pool.occupants("192.0.2.1", mac), undefined, "an address that lies is no sandbox's");
  assert.equal(pool.occupants(undefined, undefined), undefined);
  bench.change({ mode: "fresh" });
  await giveBack(second);
  assert.equal(pool.living("a"), false);
  assert.ok(pool.remembers(first.session), "while it is captured and removed");
  await eventually(() => Promise.resolve(!pool.remembers(first.session)));
  assert.equal(await containersOf(bench), 0);
  assert.equal(pool.occupants(address, undefined), undefined);
});

test("parallel sessions of one new source share one sandbox", async () => {
  await using bench = await openWorkbench(PREFERRED);
  const leases = await Promise.all(
    Array.from({ length: 5 }, () => bench.pool.lease("a", bench.session(), never)),
  );
  assert.equal(new Set(leases.map(({ sandbox }) => sandbox.id)).size, 1);
  assert.deepEqual(leases.map(({ state }) => state).sort(), ["new", "shared", "shared", "shared", "shared"]);
  // All at once make the same account: one of them makes it, the password is the first one's.
  const outcomes = await Promise.all(leases.map((lease) => lease.ensureAccount("eve", Buffer.from("same"))));
  assert.deepEqual(outcomes.sort(), ["made", "there", "there", "there", "there"]);
  assert.equal((await login(leases[0]?.sandbox.address ?? "", "eve", "same", "id -un")).stdout, "eve\n");
  assert.equal(await containersOf(bench), 1);
  await Promise.all(leases.map(giveBack));
});

test("spares are handed out and made again, never above the most", async () => {
  await using bench = await openWorkbench(PREFERRED, { spares: 1, most: 2 });
  await eventually(() => bench.pool.figures.spares === 1);
  const lease = await leaseFor(bench, "a");
  await eventually(() => bench.pool.figures.spares === 1);
  const second = await bench.pool.lease("b", bench.session(), never, undefined, () => "night");
  assert.deepEqual(
    { ...bench.pool.figures, profiles: { ...bench.pool.figures.profiles } },
    { sandboxes: 2, spares: 0, sources: 2, profiles: { night: 1 } },
  );
  assert.equal(await containersOf(bench), 2);
  await Promise.all([giveBack(lease), giveBack(second)]);
});

test("what a sandbox sent when everybody had left is counted at its end, and makes a capture only where it sent something", async () => {
  await using bench = await openWorkbench(PREFERRED, { most: 2 });
  bench.traffic = { up: 1, down: 2 };
  const lease = await leaseFor(bench, "a");
  await giveBack(lease);
  await eventually(() => bench.captures.length === 1);
  bench.traffic = { up: 3, down: 4 };
  await bench.pool.evictIdle();
  assert.deepEqual(
    bench.captures.map(({ traffic }) => traffic),
    [
      { up: 1, down: 2 },
      { up: 3, down: 4 },
    ],
  );
  assert.deepEqual(bench.captures[1]?.sessions, [lease.session]);

  await giveBack(await leaseFor(bench, "b"));
  await eventually(() => bench.captures.length === 3);
  await bench.pool.evictIdle();
  assert.equal(bench.captures.length, 3);
});

test("a live session is never evicted; the longest unused sandbox is", async () => {
  await using bench = await openWorkbench(PREFERRED, { most: 2 });
  const live = await leaseFor(bench, "live");
  const idle = await leaseFor(bench, "idle");
  await assert.rejects(bench.pool.lease("third", bench.session(), never), isNoSandbox);
  assert.equal(bench.pool.living("third"), false);

  await login(idle.sandbox.address, "root", "x", "echo 1 > /root/before-eviction");
  await giveBack(idle);
  const third = await leaseFor(bench, "third");
  assert.equal(bench.pool.living("idle"), false);
  assert.ok(bench.pool.living("live"));
  assert.ok(live.alive);
  assert.equal(await containersOf(bench), 2);
  // What was in it was captured before it went.
  assert.ok(
    bench.captures.some(
      ({ source, changes }) =>
        source === "idle" && changes.some(({ path }) => path === "/root/before-eviction"),
    ),
  );
  assert.equal((await login(live.sandbox.address, "root", "x", "echo still")).stdout, "still\n");
  await Promise.all([giveBack(live), giveBack(third)]);
});

test("a sandbox without a session is removed after its idle life", async () => {
  await using bench = await openWorkbench(PREFERRED, { idle: 300 });
  const lease = await leaseFor(bench, "a");
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.ok(bench.pool.living("a"), "idle life does not count while a session lives");
  await giveBack(lease);
  await eventually(() => !bench.pool.living("a"));
  await eventually(async () => (await containersOf(bench)) === 0);
  assert.equal(bench.captures.length, 1);
});

test("at the end of its total life a sandbox's sessions are told, then it goes", async () => {
  await using bench = await openWorkbench(PREFERRED, { life: 1200 });
  const lease = await leaseFor(bench, "a");
  const left = lease.expires.getTime() - Date.now();
  assert.ok(left > 0 && left <= 1200, String(left));
  await eventually(() => bench.expired.length > 0);
  assert.deepEqual(bench.expired, [lease.session]);
  assert.equal(lease.alive, false);
  assert.equal(bench.pool.living("a"), false, "a new login gets a fresh one");
  await giveBack(lease);
  await eventually(async () => (await containersOf(bench)) === 0);
});

test("a wait that is aborted holds nothing; what arrives late serves the next", async () => {
  await using bench = await openWorkbench(PREFERRED, { most: 1 });
  const abort = new AbortController();
  const waiting = bench.pool.lease("a", bench.session(), abort.signal);
  setTimeout(() => {
    abort.abort(new Error("the session ended"));
  }, 30);
  await assert.rejects(waiting, /the session ended/);
  assert.equal(bench.pool.living("a"), false);
  const next = await leaseFor(bench, "b");
  assert.equal(next.state, "new");
  assert.equal(await containersOf(bench), 1);
  await giveBack(next);
});

test("one of two who wait may give up without spoiling it for the other", async () => {
  await using bench = await openWorkbench(PREFERRED);
  const abort = new AbortController();
  const one = bench.pool.lease("a", bench.session(), abort.signal);
  const other = bench.pool.lease("a", bench.session(), never);
  abort.abort(new Error("gone"));
  await assert.rejects(one, /gone/);
  const lease = await other;
  assert.equal(lease.state, "new");
  await giveBack(lease);
});

test("a killed container is noticed: its source gets another one, a spare is replaced", async () => {
  await using bench = await openWorkbench(PREFERRED, { spares: 1 });
  await eventually(() => bench.pool.figures.spares === 1);
  const lease = await leaseFor(bench, "a");
  await login(lease.sandbox.address, "root", "x", "echo 1 > /root/before-the-kill");
  await bench.engine.call("kill", (docker) => docker.getContainer(lease.sandbox.container).kill());
  await eventually(() => !lease.alive);
  assert.equal(bench.pool.living("a"), false);
  const again = await leaseFor(bench, "a");
  assert.equal(again.state, "new");
  assert.notEqual(again.sandbox.id, lease.sandbox.id);
  await giveBack(lease);
  // Its disk is captured though it is dead.
  await eventually(() => bench.captures.length === 1);
  assert.ok(bench.captures[0]?.changes.some(({ path }) => path === "/root/before-the-kill"));
  // Nothing of a dead one is mounted; that must not look like deletions.
  assert.ok(!bench.captures[0]?.changes.some(({ kind }) => kind === "D"));
  await giveBack(again);

  await eventually(() => bench.pool.figures.spares === 1);
  const filters = { label: [`mitsubako.slot=${bench.slot}`] };
  const listed = await bench.engine.call("list", (docker) => docker.listContainers({ filters }));
  const spare = listed.find(({ Id }) => Id !== again.sandbox.container);
  assert.ok(spare);
  await bench.engine.call("kill", (docker) => docker.getContainer(spare.Id).kill());
  await eventually(() => bench.pool.figures.spares === 0);
  await eventually(() => bench.pool.figures.spares === 1);
});

test("spares of an older policy are replaced", async () => {
  await using bench = await openWorkbench(PREFERRED, { spares: 1 });
  await eventually(() => bench.pool.figures.spares === 1);
  bench.change({ memory: 100 * 2 ** 20 });
  await eventually(() => bench.pool.figures.spares === 0);
  await eventually(() => bench.pool.figures.spares === 1);
  const lease = await leaseFor(bench, "a");
  const info = await bench.engine.call("inspect", (docker) =>
    docker.getContainer(lease.sandbox.container).inspect(),
  );
  assert.equal(info.HostConfig.Memory, 100 * 2 ** 20);
  await giveBack(lease);
});

test("draining captures and removes everything, network included, and refuses whoever comes", async () => {
  const bench = await openWorkbench(PREFERRED, { spares: 1 });
  const lease = await leaseFor(bench, "a");
  await login(lease.sandbox.address, "root", "x", "echo 1 > /root/last");
  await giveBack(lease);
  await bench.pool.drain();
  assert.equal(bench.captures.length, 1);
  assert.ok(bench.captures[0]?.changes.some(({ path }) => path === "/root/last"));
  assert.equal(await containersOf(bench), 0);
  await assert.rejects(bench.pool.lease("b", bench.session(), never), isNoSandbox);
  const networks = await bench.engine.call("list", (docker) =>
    docker.listNetworks({ filters: { label: [`mitsubako.slot=${bench.slot}`] } }),
  );
  assert.deepEqual(networks, []);
  await bench[Symbol.asyncDispose]();
});

test("when no sandbox can be made, those who wait are told so", async () => {
  await using bench = await openWorkbench(PREFERRED);
  // Behind the pool's back: asked for at the start, it would have been refused.
  bench.change({ runtime: "no-such-runtime" });
  await assert.rejects(bench.pool.lease("a", bench.session(), never), (error: Error & { code: string }) => {
    assert.equal(error.code, "no-sandbox");
    assert.equal((error.cause as { code?: string }).code, "engine-refused");
    return true;
  });
  assert.equal(await containersOf(bench), 0);
  bench.change({ runtime: undefined });
  await eventually(() =>
    bench.pool
      .lease("a", bench.session(), never)
      .then(giveBack)
      .then(
        () => true,
        () => false,
      ),
  );
});

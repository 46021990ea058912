import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { reapDiskImages } from "../../gateway/sandbox/disk.ts";
import { reap } from "../../gateway/sandbox/reap.ts";
import { eventually, login, openWorkbench } from "./workbench.ts";

const PREFERRED = 11;
const never = new AbortController().signal;
const DISK = 200 * 2 ** 20;

/** Mounts over folders of the engine, as this test's containers have them. */
function mountsOf(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("/dev/loop") && line.includes(` ${folder} `));
}

async function folderOf(
  bench: Awaited<ReturnType<typeof openWorkbench>>,
  container: string,
): Promise<string> {
  const info = await bench.engine.call("inspect", (docker) => docker.getContainer(container).inspect());
  return (info.GraphDriver.Data as unknown as { UpperDir: string }).UpperDir.replace(/\/diff$/, "");
}

test("a sandbox cannot write more than its disk holds, and shows that disk", async () => {
  await using bench = await openWorkbench(PREFERRED, { disk: DISK });
  const lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const folder = await folderOf(bench, lease.sandbox.container);
  assert.equal(mountsOf(folder).length, 1);
  const ran = await login(
    lease.sandbox.address,
    "root",
    "x",
    "df -B1 --output=size / | tail -1; dd if=/dev/zero of=/root/fill bs=1M 2>&1 | grep -o 'No space left'; stat -c %s /root/fill; rm /root/fill; echo kept > /root/kept; ls -A /; stat -c '%u %g %a' /",
  );
  const [size, full, written, ...rest] = ran.stdout.split("\n");
  assert.ok(Number(size) > 0.8 * DISK && Number(size) <= DISK, ran.stdout);
  assert.equal(full, "No space left");
  assert.ok(Number(written) > 0.8 * DISK && Number(written) < DISK, ran.stdout);
  assert.ok(!rest.includes("lost+found"));
  assert.ok(rest.includes("0 0 755"), ran.stdout);
  await lease[Symbol.asyncDispose]();
  await eventually(() => bench.captures.length === 1);
  const paths = bench.captures[0]?.changes.map(({ path }) => path) ?? [];
  assert.ok(paths.includes("/root/kept") && !paths.includes("/root/fill"));

  await bench.pool.drain();
  assert.deepEqual(mountsOf(folder), []);
  assert.equal(existsSync(folder), false);
});

test("a sandbox cannot make more files than it has inodes for", async () => {
  await using bench = await openWorkbench(PREFERRED, { disk: DISK, inodes: 2048 });
  const lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const ran = await login(
    lease.sandbox.address,
    "root",
    "x",
    "df --output=itotal / | tail -1; mkdir /root/many; cd /root/many; touch $(seq 5000) 2>&1 | grep -c 'No space left'; ls | wc -l",
  );
  const [inodes, refused, made] = ran.stdout.trim().split("\n").map(Number);
  // Rounded to what fills the groups of blocks evenly.
  assert.ok(Number(inodes) > 1900 && Number(inodes) <= 2048, ran.stdout);
  assert.ok(Number(made) > 1500 && Number(made) < 2048, ran.stdout);
  assert.equal(Number(made) + Number(refused), 5000);
  await lease[Symbol.asyncDispose]();
});

test("where the policy says nothing, a disk is 2 GiB, with an inode for each 16 KiB; both are seen", async () => {
  await using bench = await openWorkbench(PREFERRED);
  const lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const { stdout } = await login(
    lease.sandbox.address,
    "root",
    "x",
    "df -B1 --output=size,itotal / | tail -1",
  );
  const [size = 0, inodes] = stdout.trim().split(/ +/).map(Number);
  assert.ok(size > 1.9 * 2 ** 30 && size <= 2 ** 31, stdout);
  assert.equal(inodes, 131_072);
  await lease[Symbol.asyncDispose]();
});

test("rates of the disk hold, on the sandbox's own disk and for what is the image's", async () => {
  const rate = 8 * 2 ** 20;
  await using bench = await openWorkbench(PREFERRED, { deviceReadRate: rate, deviceWriteRate: rate });
  const lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const seconds = async (command: string) => {
    const { stdout } = await login(lease.sandbox.address, "root", "x", `LC_ALL=C ${command} 2>&1 | tail -1`);
    return Number(/ copied, ([0-9.]+) s/.exec(stdout)?.[1]);
  };
  // A tenth is for the burst that the kernel lets through first.
  const written = await seconds("dd if=/dev/zero of=/root/a bs=1M count=16 oflag=direct");
  assert.ok(written > 1.8 && written < 6, `written in ${written} s`);
  const read = await seconds("dd if=/root/a of=/dev/null bs=1M iflag=direct");
  assert.ok(read > 1.8 && read < 6, `read in ${read} s`);
  const image = await seconds("dd if=/usr/bin/python3.11 of=/dev/null bs=1M iflag=direct");
  assert.ok(image > 0.7, `6.5 MiB of the image read in ${image} s`);
  await lease[Symbol.asyncDispose]();
});

test("what the kernel tells everybody of a disk is neither where its file lies nor what made it", async () => {
  await using bench = await openWorkbench(PREFERRED, { disk: DISK });
  const lease = await bench.pool.lease("a", bench.session(), never);
  const [mount = ""] = mountsOf(await folderOf(bench, lease.sandbox.container));
  const device = basename(mount.split(" ")[0] ?? "");
  const backing = () => readFileSync(`/sys/block/${device}/loop/backing_file`, "utf8").trim();
  assert.equal(backing(), `/vol${bench.slot}-${lease.sandbox.id} (deleted)`);
  await lease[Symbol.asyncDispose]();
});

test("a killed sandbox's disk goes with it, and what it wrote is captured first", async () => {
  await using bench = await openWorkbench(PREFERRED, { disk: DISK, mode: "fresh" });
  const lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const folder = await folderOf(bench, lease.sandbox.container);
  await login(lease.sandbox.address, "root", "x", "echo 1 > /root/before-the-kill");
  await bench.engine.call("kill", (docker) => docker.getContainer(lease.sandbox.container).kill());
  await eventually(() => !lease.alive);
  await lease[Symbol.asyncDispose]();
  await eventually(() => !existsSync(folder));
  assert.deepEqual(mountsOf(folder), []);
  assert.ok(bench.captures[0]?.changes.some(({ path }) => path === "/root/before-the-kill"));
});

test("reaping takes disks of sandboxes whose gateway is gone", async () => {
  await using bench = await openWorkbench(PREFERRED, { disk: DISK });
  const lease = await bench.pool.lease("a", bench.session(), never);
  const folder = await folderOf(bench, lease.sandbox.container);
  const { DockerRootDir: root } = await bench.engine.info();
  assert.equal(mountsOf(folder).length, 1);
  const would = await reap({ engine: bench.engine, slot: bench.slot, dryRun: true });
  assert.deepEqual(
    would.map(({ kind }) => kind),
    ["sandbox", "network"],
  );
  assert.equal(mountsOf(folder).length, 1);
  // Behind the pool's back, as after a kill of the gateway.
  const reaped = await reap({ engine: bench.engine, slot: bench.slot });
  assert.deepEqual(reaped, would);
  assert.deepEqual(mountsOf(folder), []);
  assert.equal(existsSync(folder), false);
  assert.deepEqual(
    readdirSync(join(root, ".mitsubako-disks")).filter((name) => name.startsWith(`vol${bench.slot}-`)),
    [],
  );
  assert.deepEqual(await reap({ engine: bench.engine, slot: bench.slot }), []);
  await lease[Symbol.asyncDispose]();
});

test("reaping takes a file and a loop device that were made and not mounted any more", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "mitsubako-disks-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [slot, name] = [4321, "vol4321-0123456789ab"];
  const disks = join(root, ".mitsubako-disks");
  await mkdir(disks);
  await writeFile(join(disks, name), Buffer.alloc(1 << 20));
  const script = `unshare --mount --propagation private sh -ec 'mount --bind "$1" "$1"; losetup --find --show "$1/$2"' sh "$1" "$2"`;
  const device = execFileSync("sh", ["-ec", script, "sh", disks, name], { encoding: "utf8" }).trim();
  const backing = `/sys/block/${basename(device)}/loop/backing_file`;
  assert.equal(readFileSync(backing, "utf8").trim(), `/${name}`);
  assert.equal(reapDiskImages(root, slot + 1, false), 0);
  assert.equal(reapDiskImages(root, slot, true), 2);
  assert.ok(existsSync(backing));
  assert.equal(reapDiskImages(root, slot, false), 2);
  assert.deepEqual([existsSync(backing), readdirSync(disks)], [false, []]);
  assert.equal(reapDiskImages(root, slot, false), 0);
});

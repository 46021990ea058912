import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ControlGroups, ownGroups } from "../../gateway/sandbox/units.ts";

const ID = "0123456789abcdef".repeat(4);
const V1 =
  "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0";
const HYBRID = `${V1}\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0`;
const V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0";

test("only a container's own control groups are taken, and only those that carry names alone", () => {
  const found = (cgroup: string, mounts: string) => ownGroups(cgroup, mounts, ID);
  assert.deepEqual(found(`0::/docker/${ID}\n`, V2), [`/sys/fs/cgroup/docker/${ID}`]);
  assert.deepEqual(found(`0::/system.slice/docker-${ID}.scope\n`, V2), [
    `/sys/fs/cgroup/system.slice/docker-${ID}.scope`,
  ]);
  assert.deepEqual(
    found(`9:memory:/docker/${ID}\n1:name=systemd:/docker/${ID}\n0::/docker/${ID}\n`, HYBRID),
    [`/sys/fs/cgroup/systemd/docker/${ID}`, `/sys/fs/cgroup/unified/docker/${ID}`],
  );
  // Of a gateway with a namespace of control groups of its own: this is not below its mount.
  assert.deepEqual(found(`0::/../${ID}\n`, V2), []);
  assert.deepEqual(found(`0::/../docker-${ID}.scope\n`, V2), []);
  // The runtime left the unified hierarchy alone: that group is a service's of the machine.
  assert.deepEqual(found(`1:name=systemd:/docker/${ID}\n0::/system.slice/containerd.service\n`, HYBRID), [
    `/sys/fs/cgroup/systemd/docker/${ID}`,
  ]);
  assert.deepEqual(found(`0::/\n`, V2), []);
  assert.deepEqual(found(`1:name=systemd:/docker/${ID}\n`, V2), []);
  assert.deepEqual(found("", V2), []);
});

test("each service gets its unit's group; where none can be made that is said once, and nothing fails", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-units-"));
  try {
    const mount = join(folder, "cgroup");
    const own = join(mount, "docker", ID);
    mkdirSync(own, { recursive: true });
    const proc = join(folder, "proc");
    const tell = (path: string, text: string) => {
      mkdirSync(join(proc, path, ".."), { recursive: true });
      writeFileSync(join(proc, path), text);
    };
    tell("self/mounts", `cgroup2 ${mount} cgroup2 rw 0 0\n`);
    tell("70/cgroup", `0::/docker/${ID}\n`);
    tell("70/task/70/children", "71 72 ");
    tell("71/comm", "sshd\n");
    tell("72/comm", "unheard-of\n");
    const warnings: unknown[] = [];
    const log = { warn: (...said: readonly unknown[]) => warnings.push(said) };
    const groups = new ControlGroups(log, proc);
    const sandbox = { init: 70, container: ID };
    groups.name(sandbox);
    assert.equal(readFileSync(join(own, "init.scope/cgroup.procs"), "latin1"), "70");
    assert.equal(readFileSync(join(own, "system.slice/ssh.service/cgroup.procs"), "latin1"), "71");
    groups.name({ init: 99, container: ID });
    assert.deepEqual(warnings, []);

    // No folder can be made below a file, as little as on what is read-only.
    rmSync(own, { recursive: true });
    writeFileSync(own, "");
    groups.name(sandbox);
    groups.name(sandbox);
    assert.equal(warnings.length, 1);

    tell("70/cgroup", `0::/../${ID}\n`);
    new ControlGroups(log, proc).name(sandbox);
    assert.equal(warnings.length, 2);
    assert.equal(existsSync(join(folder, ID)), false);
  } finally {
    await rm(folder, { recursive: true });
  }
});

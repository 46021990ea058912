import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { policySchema, type Policy } from "../../gateway/model/policy.ts";
import type { SandboxId } from "../../gateway/model/ids.ts";
import type { EngineFacts } from "../../gateway/sandbox/engine-facts.ts";
import { factsFrom } from "../../gateway/sandbox/engine-facts.ts";
import { checkEngine, requireEngine } from "../../gateway/sandbox/limits.ts";
import { Addresses, networkSpec } from "../../gateway/sandbox/network.ts";
import { SECCOMP_PROFILE } from "../../gateway/sandbox/seccomp.ts";
import { containerSpec } from "../../gateway/sandbox/spec.ts";

const ABLE: EngineFacts = {
  cpus: 2,
  memory: 16 * 2 ** 30,
  cgroups: 2,
  deviceRates: { readBytes: true, writeBytes: true, readOperations: true, writeOperations: true },
  seccomp: true,
  dataRoot: "/var/lib/docker/100000.100000",
  memoryLimit: true,
  swapLimit: true,
  cpuQuota: true,
  cpuShares: true,
  cpuset: true,
  pidsLimit: true,
  privateCgroupns: true,
  ipv6: true,
  runtimes: ["runc"],
  storageDriver: "overlay2",
  dataDisk: "/dev/vda",
  diskCap: true,
  remap: { uid: 100_000, gid: 100_000 },
};
const UNABLE: EngineFacts = {
  ...ABLE,
  cpus: 1,
  deviceRates: { readBytes: false, writeBytes: false, readOperations: false, writeOperations: false },
  memoryLimit: false,
  swapLimit: false,
  cpuQuota: false,
  cpuShares: false,
  cpuset: false,
  pidsLimit: false,
  privateCgroupns: false,
  ipv6: false,
  dataDisk: undefined,
  diskCap: false,
};

const PAPER: unknown = {
  memory: "128m",
  swap: "64m",
  cpuset: "0-1",
  cpuQuota: 0.5,
  cpuPeriod: "50ms",
  cpuShares: 512,
  pids: 100,
  nofile: 1024,
  nproc: 64,
  deviceReadRate: "10m",
  deviceWriteRate: "5m",
  deviceReadOperations: 400,
  deviceWriteOperations: 200,
  disk: "10GB",
  capabilities: "user",
};

function sandboxOf(settings: unknown): Policy["sandbox"] {
  return policySchema.parse({ sandbox: settings }).sandbox;
}

/** With the profile's name in its place: it has a golden of its own. */
function specOf(settings: unknown, facts: EngineFacts): unknown {
  const spec = containerSpec({
    slot: 3,
    id: "0123456789ab" as SandboxId,
    sandbox: sandboxOf(settings),
    persona: { image: "mitsubako/debian-12:latest", hostname: "srv01" },
    facts,
    address: "10.203.0.10",
    gateway: "10.203.0.1",
    isDressed: false,
  });
  const shown = JSON.stringify(spec);
  return JSON.parse(
    shown.replace(JSON.stringify(`seccomp=${SECCOMP_PROFILE}`), '"seccomp=goldens/sandbox/seccomp.json"'),
  );
}

/** `UPDATE_GOLDENS=1` is not offered: a changed container is to be looked at by somebody. */
function golden(name: string): unknown {
  return JSON.parse(
    readFileSync(join(import.meta.dirname, "..", "goldens", "sandbox", `${name}.json`), "utf8"),
  );
}

test("the default policy's container", () => {
  assert.deepEqual(specOf({}, ABLE), golden("default"));
});

test("the system calls of a container", () => {
  assert.deepEqual(JSON.parse(SECCOMP_PROFILE), golden("seccomp"));
});

test("every limit of a policy is in the container", () => {
  assert.deepEqual(specOf(PAPER, ABLE), golden("every-limit"));
});

test("what an engine cannot do is left out of the container, and told", () => {
  assert.deepEqual(specOf(PAPER, UNABLE), golden("unable-engine"));
  const told = checkEngine({ ...policySchema.parse({}), sandbox: sandboxOf(PAPER) }, UNABLE);
  for (const key of [
    "memory",
    "cpuset",
    "cpuQuota",
    "cpuShares",
    "pids",
    "disk",
    "deviceReadRate",
    "deviceWriteRate",
    "deviceReadOperations",
    "deviceWriteOperations",
  ])
    assert.ok(
      told.some((sentence) => new RegExp(`sandbox.${key} .*not enforced`).test(sentence)),
      `${key} of ${told.join("\n")}`,
    );
  assert.deepEqual(checkEngine({ ...policySchema.parse({}), sandbox: sandboxOf(PAPER) }, ABLE), []);
});

test("write rates of control groups version 1, and more memory than there is, are told", () => {
  const policy = { ...policySchema.parse({}), sandbox: sandboxOf({ deviceWriteRate: "1m", most: 100 }) };
  assert.deepEqual(checkEngine(policy, { ...ABLE, memory: 100 * 256 * 2 ** 20 }), []);
  const [rate = "", memory = "", ...more] = checkEngine(policy, { ...ABLE, cgroups: 1, memory: 2 ** 30 });
  assert.match(rate, /^sandbox\.deviceWriteRate holds for writes that are waited for/);
  assert.match(memory, /25600 MiB of memory .* this machine has 1024 MiB/);
  assert.deepEqual(more, []);
});

test("an engine that cannot contain a sandbox is refused, with the remedy", () => {
  const refused = (settings: unknown, facts: Partial<EngineFacts>, expected: RegExp) => {
    assert.throws(
      () => {
        requireEngine(policySchema.parse(settings), { ...ABLE, ...facts });
      },
      (error: Error & { code: string; remedy?: string }) => {
        assert.equal(error.code, "engine-unfit");
        assert.match(`${error.message} ${error.remedy ?? ""}`, expected);
        return true;
      },
    );
  };
  const bare = { remap: { uid: 0, gid: 0 } };
  refused({ sandbox: { runtime: "runsc" } }, {}, /runsc, which .* does not know.*choose one of: runc\.$/);
  refused({}, { seccomp: false }, /has no seccomp\. Use an engine/);
  refused(
    { sandbox: { userns: "required" } },
    bare,
    /userns-remap.*daemon\.json.*or set auth\.root to refuse/,
  );
  requireEngine(policySchema.parse({ sandbox: { userns: "required" } }), ABLE);
  requireEngine(policySchema.parse({ sandbox: { userns: "required" }, auth: { root: "refuse" } }), {
    ...ABLE,
    ...bare,
  });
  requireEngine(policySchema.parse({ sandbox: { runtime: "runc" } }), { ...ABLE, ...bare });
});

test("no container is ever privileged, none mounts anything, all drop every capability first", () => {
  for (const settings of [{}, PAPER, { runtime: "runsc", sudo: true }])
    for (const facts of [ABLE, UNABLE]) {
      const { HostConfig: host = {} } = specOf(settings, facts) as ReturnType<typeof containerSpec>;
      assert.equal(host.Privileged, false);
      assert.deepEqual(host.CapDrop, ["ALL"]);
      // Whatever a sandbox prints: the engine writes none of it to the host's disk.
      assert.deepEqual(host.LogConfig, { Type: "none", Config: {} });
      assert.deepEqual(host["SecurityOpt"], ["seccomp=goldens/sandbox/seccomp.json"]);
      for (const forbidden of ["NET_RAW", "MKNOD", "SETPCAP", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"])
        assert.ok(!(host.CapAdd as string[]).includes(forbidden));
      for (const key of [
        "Binds",
        "Mounts",
        "Devices",
        "PortBindings",
        "PidMode",
        "UsernsMode",
        "VolumesFrom",
      ])
        assert.ok(!(key in host), key);
    }
});

test("the network has no way between its guests, no masquerading, no IPv6", () => {
  assert.deepEqual(networkSpec(3, { subnet: "10.203.0.0/20", gateway: "10.203.0.1" }), golden("network"));
});

test("addresses are handed out in turn, each once, never the gateway's", () => {
  const addresses = new Addresses({ subnet: "10.203.0.0/28", gateway: "10.203.0.1" });
  const taken = Array.from({ length: 10 }, () => addresses.take());
  assert.equal(new Set(taken).size, 10);
  // The last four are the outpost's.
  for (const last of [12, 13, 14, 15]) assert.ok(!taken.includes(`10.203.0.${last}`));
  assert.ok(!taken.includes("10.203.0.1") && !taken.includes("10.203.0.0") && !taken.includes("10.203.0.15"));
  assert.throws(() => addresses.take(), { code: "no-sandbox" });
  addresses.giveBack("10.203.0.7");
  assert.equal(addresses.take(), "10.203.0.7");
});

test("the engine's own words are read: user namespaces, cgroups, swap", () => {
  const facts = factsFrom({
    ServerVersion: "20.10.24",
    DockerRootDir: "/var/lib/docker/100000.200000",
    Driver: "overlay2",
    NCPU: 2,
    MemTotal: 1,
    MemoryLimit: true,
    SwapLimit: false,
    SecurityOptions: ["name=seccomp,profile=default", "name=userns"],
    Runtimes: { runc: {} },
  });
  assert.deepEqual(facts.remap, { uid: 100_000, gid: 200_000 });
  assert.equal(facts.seccomp, true);
  assert.equal(facts.cgroups, 1);
  assert.equal(facts.swapLimit, false);
  assert.equal(facts.memoryLimit, true);
});

test("the engine's own words are read: seccomp, disk rates, versions of control groups", () => {
  const info = {
    ServerVersion: "27.0",
    DockerRootDir: "/var/lib/docker",
    Driver: "overlay2",
    NCPU: 2,
    MemTotal: 1,
    CgroupVersion: "2",
    Warnings: ["WARNING: No io.max (wbps) support", "WARNING: No blkio throttle.read_iops_device support"],
  };
  assert.deepEqual(factsFrom(info).deviceRates, {
    readBytes: true,
    writeBytes: false,
    readOperations: false,
    writeOperations: true,
  });
  assert.equal(factsFrom(info).cgroups, 2);
  const seccompOf = (...SecurityOptions: string[]) => factsFrom({ ...info, SecurityOptions }).seccomp;
  assert.equal(seccompOf(), false);
  assert.equal(seccompOf("name=userns", "name=cgroupns"), false);
  // A sandbox brings its own profile, whatever the engine's default is.
  for (const profile of ["default", "builtin", "unconfined", "/etc/docker/seccomp.json"])
    assert.equal(seccompOf("name=apparmor", `name=seccomp,profile=${profile}`), true);
});

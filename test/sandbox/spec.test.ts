import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { policySchema, type Policy } from "../../gateway/model/policy.ts";
import type { SandboxId } from "../../gateway/model/ids.ts";
import type { EngineFacts } from "../../gateway/sandbox/engine-facts.ts";
import { factsFrom } from "../../gateway/sandbox/engine-facts.ts";
import { checkEngine } from "../../gateway/sandbox/limits.ts";
import { Addresses, networkSpec } from "../../gateway/sandbox/network.ts";
import { containerSpec } from "../../gateway/sandbox/spec.ts";

const ABLE: EngineFacts = {
  cpus: 2,
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
  disk: "10GB",
  capabilities: "user",
};

function sandboxOf(settings: unknown): Policy["sandbox"] {
  return policySchema.parse({ sandbox: settings }).sandbox;
}

function specOf(settings: unknown, facts: EngineFacts): unknown {
  return containerSpec({
    slot: 3,
    id: "0123456789ab" as SandboxId,
    sandbox: sandboxOf(settings),
    persona: { image: "mitsubako/debian-12:latest", hostname: "srv01" },
    facts,
    address: "10.203.0.10",
    gateway: "10.203.0.1",
  });
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
  ])
    assert.ok(
      told.some((sentence) => sentence.startsWith(`sandbox.${key} is not enforced`)),
      `${key} of ${told.join("\n")}`,
    );
  assert.deepEqual(checkEngine({ ...policySchema.parse({}), sandbox: sandboxOf(PAPER) }, ABLE), []);
  assert.deepEqual(
    checkEngine({ ...policySchema.parse({}), sandbox: sandboxOf({ runtime: "runsc" }) }, ABLE).length,
    1,
  );
});

test("no container is ever privileged, none mounts anything, all drop every capability first", () => {
  for (const settings of [{}, PAPER, { runtime: "runsc", sudo: true }])
    for (const facts of [ABLE, UNABLE]) {
      const { HostConfig: host = {} } = specOf(settings, facts) as ReturnType<typeof containerSpec>;
      assert.equal(host.Privileged, false);
      assert.deepEqual(host.CapDrop, ["ALL"]);
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
  const taken = Array.from({ length: 13 }, () => addresses.take());
  assert.equal(new Set(taken).size, 13);
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
  assert.equal(facts.swapLimit, false);
  assert.equal(facts.memoryLimit, true);
});

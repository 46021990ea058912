import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import type { DeviceRateKind, EngineFacts } from "./engine-facts.ts";

/** The part of a container's HostConfig that bounds what it may use. */
export interface Limits {
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly CpusetCpus?: string;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuShares?: number;
  readonly PidsLimit?: number;
  readonly BlkioDeviceReadBps?: readonly DeviceRate[];
  readonly BlkioDeviceWriteBps?: readonly DeviceRate[];
  readonly BlkioDeviceReadIOps?: readonly DeviceRate[];
  readonly BlkioDeviceWriteIOps?: readonly DeviceRate[];
  readonly Runtime?: string;
}

interface DeviceRate {
  readonly Path: string;
  readonly Rate: number;
}

/** Microseconds; the kernel's own default. */
const DEFAULT_CPU_PERIOD = 100_000;
/** Microseconds; the kernel takes no smaller quota. */
const LEAST_CPU_QUOTA = 1000;

/**
 * What of the policy this engine can enforce, and a sentence for each thing that it cannot: whoever builds a spec has
 * the sentences in hand, nothing is dropped in silence.
 */
export function fitLimits(
  sandbox: Policy["sandbox"],
  facts: EngineFacts,
): { readonly limits: Limits; readonly unmet: readonly string[] } {
  const unmet: string[] = [];
  /** The limits, when they were asked for and can be had. */
  const fit = (wanted: boolean, possible: boolean, sentence: string, limits: () => Limits): Limits => {
    if (wanted && !possible) unmet.push(sentence);
    return wanted && possible ? limits() : {};
  };
  const { memory, swap, cpuset, cpuQuota, cpuPeriod, cpuShares, pids, runtime } = sandbox;
  const limits: Limits = {
    ...fit(
      true,
      facts.memoryLimit,
      "sandbox.memory is not enforced: this kernel has no memory controller.",
      () => ({ Memory: memory }),
    ),
    // Without swap accounting the engine bounds memory alone; on a host without swap that is the same.
    ...fit(
      facts.memoryLimit,
      facts.swapLimit,
      "sandbox.swap is not enforced: this kernel does not count swap (boot it with swapaccount=1).",
      () => ({ MemorySwap: memory + swap }),
    ),
    ...fit(
      cpuset !== undefined,
      facts.cpuset && highestCpu(cpuset ?? "0") < facts.cpus,
      `sandbox.cpuset is not enforced: this machine has no CPU ${highestCpu(cpuset ?? "0")}, or its kernel cannot bind containers to CPUs.`,
      () => (cpuset === undefined ? {} : { CpusetCpus: cpuset }),
    ),
    ...fit(
      cpuQuota !== undefined,
      facts.cpuQuota,
      "sandbox.cpuQuota is not enforced: this kernel cannot limit CPU time.",
      () => cpuTime(cpuQuota ?? 1, cpuPeriod, facts.cpus),
    ),
    ...fit(
      cpuShares !== undefined,
      facts.cpuShares,
      "sandbox.cpuShares is not enforced: this kernel has no CPU weights.",
      () => (cpuShares === undefined ? {} : { CpuShares: cpuShares }),
    ),
    ...fit(
      true,
      facts.pidsLimit,
      "sandbox.pids is not enforced: this kernel has no pids controller.",
      () => ({ PidsLimit: pids }),
    ),
    ...rate("deviceReadRate"),
    ...rate("deviceWriteRate"),
    ...rate("deviceReadOperations"),
    ...rate("deviceWriteOperations"),
    // Another runtime than the one asked for would be weaker: the engine refuses, and nothing starts (requireEngine).
    ...(runtime === undefined ? {} : { Runtime: runtime }),
  };
  if (facts.cgroups === 1)
    for (const key of ["deviceWriteRate", "deviceWriteOperations"] as const)
      if (sandbox[key] !== undefined)
        unmet.push(
          `sandbox.${key} holds for writes that are waited for (direct, or with fsync): with control groups of version 1 the kernel writes out the rest on its own account.`,
        );
  return { limits, unmet };

  function rate(key: keyof typeof DEVICE_RATES): Limits {
    const asked = sandbox[key];
    const disk = facts.dataDisk;
    const [name, kind] = DEVICE_RATES[key];
    return fit(
      asked !== undefined,
      disk !== undefined && facts.deviceRates[kind],
      `sandbox.${key} is not enforced: the engine's data does not lie on a disk whose rate can be set, or the kernel cannot throttle it.`,
      () => ({ [name]: [{ Path: disk, Rate: asked }] }),
    );
  }
}

const DEVICE_RATES = {
  deviceReadRate: ["BlkioDeviceReadBps", "readBytes"],
  deviceWriteRate: ["BlkioDeviceWriteBps", "writeBytes"],
  deviceReadOperations: ["BlkioDeviceReadIOps", "readOperations"],
  deviceWriteOperations: ["BlkioDeviceWriteIOps", "writeOperations"],
} as const satisfies Record<string, readonly [keyof Limits, DeviceRateKind]>;

/** Whether the policy asks for a rate of the disk. */
export function isThrottled(sandbox: Policy["sandbox"]): boolean {
  return (Object.keys(DEVICE_RATES) as (keyof typeof DEVICE_RATES)[]).some(
    (key) => sandbox[key] !== undefined,
  );
}

/** One sentence for each thing that the policy asks for and this engine cannot do. Empty: all is enforced. */
export function checkEngine(policy: Policy, facts: EngineFacts): readonly string[] {
  const { sandbox } = policy;
  const together = sandbox.most * (sandbox.memory + sandbox.swap);
  return [
    ...fitLimits(sandbox, facts).unmet,
    ...(facts.diskCap
      ? []
      : [
          "sandbox.disk and sandbox.inodes are not enforced: that takes overlay2, loop devices, and a gateway that is not in a container.",
        ]),
    ...(together > facts.memory
      ? [
          `All sandboxes together may use ${inMebibytes(together)} MiB of memory (sandbox.most × sandbox.memory and swap), and this machine has ${inMebibytes(facts.memory)} MiB.`,
        ]
      : []),
  ];
}

/**
 * What is refused at all, because a sandbox without it would be weaker than its policy says, or could never start.
 *
 * @throws MitsubakoError `engine-unfit`
 */
export function requireEngine(policy: Policy, facts: EngineFacts): void {
  requireRuntime(policy, facts);
  requireSeccomp(facts);
  requireUserns(policy, facts);
}

/** @throws MitsubakoError `engine-unfit` */
export function requireRuntime({ sandbox: { runtime } }: Policy, { runtimes }: EngineFacts): void {
  if (runtime === undefined || runtimes.includes(runtime)) return;
  throw new MitsubakoError(
    "engine-unfit",
    `sandbox.runtime is ${runtime}, which Docker Engine does not know; no sandbox could start.`,
    {
      remedy: `Install it and name it under "runtimes" in /etc/docker/daemon.json, or choose one of: ${runtimes.join(", ")}.`,
    },
  );
}

/**
 * Strangers are root in there: without the filter every system call of the kernel is theirs to try.
 *
 * @throws MitsubakoError `engine-unfit`
 */
export function requireSeccomp({ seccomp }: EngineFacts): void {
  if (seccomp) return;
  throw new MitsubakoError("engine-unfit", "Docker Engine cannot filter system calls: it has no seccomp.", {
    remedy: "Use an engine that was built with it, on a kernel with CONFIG_SECCOMP_FILTER.",
  });
}

/** @throws MitsubakoError `engine-unfit` */
export function requireUserns({ sandbox, auth }: Policy, { remap }: EngineFacts): void {
  if (sandbox.userns !== "required" || auth.root === "refuse" || remap.uid !== 0) return;
  throw new MitsubakoError(
    "engine-unfit",
    "sandbox.userns is required and root may log in, but Docker Engine runs without userns-remap.",
    { remedy: `${USERNS_REMEDY}, or set auth.root to refuse.` },
  );
}

/** How an operator turns user namespaces on, without a full stop. */
export const USERNS_REMEDY =
  'Put {"userns-remap": "default"} into /etc/docker/daemon.json and restart Docker Engine';

function inMebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function cpuTime(cpus: number, periodMs: number | undefined, available: number): Limits {
  const period = periodMs === undefined ? DEFAULT_CPU_PERIOD : Math.round(periodMs * 1000);
  // The engine refuses more than the machine has, which is the same as all of it.
  const quota = Math.round(Math.min(cpus, available) * period);
  return { CpuPeriod: period, CpuQuota: Math.max(LEAST_CPU_QUOTA, quota) };
}

function highestCpu(cpuset: string): number {
  return Math.max(...cpuset.split(/[,-]/).map(Number));
}

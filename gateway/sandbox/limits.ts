import type { Policy } from "../model/policy.ts";
import type { EngineFacts } from "./engine-facts.ts";

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
    ...rate("deviceReadRate", "BlkioDeviceReadBps"),
    ...rate("deviceWriteRate", "BlkioDeviceWriteBps"),
    // Another runtime than the one asked for would be weaker: the engine refuses, and nothing starts.
    ...(runtime === undefined ? {} : { Runtime: runtime }),
  };
  if (runtime !== undefined && !facts.runtimes.includes(runtime))
    unmet.push(`sandbox.runtime is ${runtime}, which this engine does not know; no sandbox can start.`);
  return { limits, unmet };

  function rate(key: "deviceReadRate" | "deviceWriteRate", name: keyof Limits): Limits {
    const bytes = sandbox[key];
    const disk = facts.dataDisk;
    return fit(
      bytes !== undefined,
      disk !== undefined,
      `sandbox.${key} is not enforced: the engine's data does not lie on a disk whose rate can be set.`,
      () => ({ [name]: [{ Path: disk, Rate: bytes }] }),
    );
  }
}

/** One sentence for each thing that the policy asks for and this engine cannot do. Empty: all is enforced. */
export function checkEngine(policy: Policy, facts: EngineFacts): readonly string[] {
  const { unmet } = fitLimits(policy.sandbox, facts);
  return policy.sandbox.disk === undefined || facts.diskCap
    ? unmet
    : [
        ...unmet,
        "sandbox.disk is not enforced: that takes overlay2, loop devices, and a gateway that is not in a container.",
      ];
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

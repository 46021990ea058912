import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Engine, EngineInfo } from "./docker.ts";

/** What this engine on this kernel can enforce. */
export interface EngineFacts {
  readonly cpus: number;
  /** Of the machine, in bytes. */
  readonly memory: number;
  readonly memoryLimit: boolean;
  readonly swapLimit: boolean;
  readonly cpuQuota: boolean;
  readonly cpuShares: boolean;
  readonly cpuset: boolean;
  readonly pidsLimit: boolean;
  readonly privateCgroupns: boolean;
  readonly ipv6: boolean;
  /** Version of the control groups; what they can throttle differs. */
  readonly cgroups: 1 | 2;
  /** What of a disk's use can be throttled. */
  readonly deviceRates: Readonly<Record<DeviceRateKind, boolean>>;
  readonly runtimes: readonly string[];
  /** Whether the engine can filter a container's system calls; each sandbox brings its own profile (seccomp.ts). */
  readonly seccomp: boolean;
  /** The engine's folder, as the engine calls it. */
  readonly dataRoot: string;
  readonly storageDriver: string;
  /** Whole disk under the engine's data root (`/dev/vda`), which byte rates are set on; undefined when there is none to name. */
  readonly dataDisk: string | undefined;
  /** Whether a sandbox can be given a disk of its own (see disk.ts). */
  readonly diskCap: boolean;
  /** Host user and group that the sandbox's root is (userns-remap), 0 without. */
  readonly remap: { readonly uid: number; readonly gid: number };
}

export type DeviceRateKind = "readBytes" | "writeBytes" | "readOperations" | "writeOperations";

/** How the engine's warnings name what the kernel lacks, with control groups of version 1 and 2. */
const DEVICE_RATE_WORDS = {
  readBytes: ["throttle.read_bps_device", "io.max (rbps)"],
  writeBytes: ["throttle.write_bps_device", "io.max (wbps)"],
  readOperations: ["throttle.read_iops_device", "io.max (riops)"],
  writeOperations: ["throttle.write_iops_device", "io.max (wiops)"],
} as const satisfies Record<DeviceRateKind, readonly string[]>;

/** @throws MitsubakoError `engine-dead` */
export async function learnEngine(engine: Engine): Promise<EngineFacts> {
  return factsFrom(await engine.info());
}

export function factsFrom(info: EngineInfo): EngineFacts {
  const options = info.SecurityOptions ?? [];
  const isAble = (kind: DeviceRateKind) =>
    !(info.Warnings ?? []).some((warning) => DEVICE_RATE_WORDS[kind].some((word) => warning.includes(word)));
  return {
    cpus: info.NCPU,
    memory: info.MemTotal,
    memoryLimit: info.MemoryLimit === true,
    swapLimit: info.SwapLimit === true,
    cpuQuota: info.CpuCfsQuota === true && info.CpuCfsPeriod === true,
    cpuShares: info.CPUShares === true,
    cpuset: info.CPUSet === true,
    pidsLimit: info.PidsLimit === true,
    // `docker info` names it only where it is the default.
    privateCgroupns: existsSync("/proc/self/ns/cgroup"),
    ipv6: existsSync("/proc/sys/net/ipv6/conf/all/disable_ipv6"),
    cgroups: info.CgroupVersion === "2" ? 2 : 1,
    deviceRates: {
      readBytes: isAble("readBytes"),
      writeBytes: isAble("writeBytes"),
      readOperations: isAble("readOperations"),
      writeOperations: isAble("writeOperations"),
    },
    runtimes: Object.keys(info.Runtimes ?? {}),
    // Which profile is the engine's default does not matter, not even `unconfined`.
    seccomp: options.some((option) => /^name=seccomp(,|$)/.test(option)),
    dataRoot: info.DockerRootDir,
    storageDriver: info.Driver,
    dataDisk: diskUnder(info.DockerRootDir),
    diskCap:
      info.Driver === "overlay2" && sharesEngineFolder(info.DockerRootDir) && existsSync("/dev/loop-control"),
    remap: options.some((option) => option.startsWith("name=userns"))
      ? remapOf(info.DockerRootDir)
      : { uid: 0, gid: 0 },
  };
}

/**
 * Whether a mount that we make below the engine's folder reaches the engine: it makes that folder a shared mount, which a gateway in
 * a container has only as a private copy. Fields as in proc_pid_mountinfo(5).
 */
function sharesEngineFolder(dataRoot: string): boolean {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").trimEnd().split("\n");
  const over = mounts
    .map((line) => ({ at: line.split(" ")[4] ?? "", isShared: / shared:\d+ .*- /.test(line) }))
    .filter(({ at }) => at === "/" || dataRoot === at || dataRoot.startsWith(`${at}/`))
    // The longest is the nearest; of several in one place the last covers the others.
    .reduce((nearest, mount) => (mount.at.length >= nearest.at.length ? mount : nearest), {
      at: "",
      isShared: false,
    });
  return over.isShared && existsSync(`${dataRoot}/overlay2`);
}

/** With userns-remap the engine's data root ends in `/UID.GID`. */
function remapOf(dataRoot: string): { uid: number; gid: number } {
  const match = /^(\d+)\.(\d+)$/.exec(basename(dataRoot));
  return match === null ? { uid: 0, gid: 0 } : { uid: Number(match[1]), gid: Number(match[2]) };
}

/** Byte rates can be set on whole disks only; file systems without a disk of their own (btrfs, zfs, nfs) have none. */
function diskUnder(folder: string): string | undefined {
  let device: number;
  try {
    device = statSync(folder).dev;
  } catch {
    return undefined;
  }
  const major = ((device >> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & ~0xfff);
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  const node = `/sys/dev/block/${major}:${minor}`;
  if (!existsSync(node)) return undefined;
  const target = readlinkSync(node);
  const disk = existsSync(`${node}/partition`) ? basename(dirname(target)) : basename(target);
  const path = `/dev/${disk}`;
  return existsSync(path) && lstatSync(path).isBlockDevice() ? path : undefined;
}

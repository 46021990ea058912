import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { ContainerInspectInfo } from "dockerode";
import { MitsubakoError } from "../model/errors.ts";
import type { SandboxId } from "../model/ids.ts";
import type { Policy } from "../model/policy.ts";
import { uncoverRoot } from "./disguise.ts";

const run = promisify(execFile);

/** Beside the engine's own folders. */
const DISKS = ".mitsubako-disks";
/**
 * Mounts a file of a folder on another. The kernel tells everybody, in `/sys/block/loop0/loop/backing_file`, where the file of a loop device
 * lies; through a mount that is gone by then it lies at `/`. The device goes with its mount.
 */
const MOUNT = `
  device=$(unshare --mount --propagation private sh -ec 'mount --bind "$1" "$1"; exec losetup --find --show "$1/$2"' sh "$1" "$2")
  mount -t ext4 -o discard "$device" "$3" || { losetup --detach "$device"; exit 1; }
  losetup --detach "$device"`;

/**
 * Gives a container that was created and not started a disk of its own: the engine's folder for what it writes is copied into a file
 * with an ext4 file system, which is mounted in the folder's place. overlay2 on ext4 knows no other bound. About 0.3 s.
 *
 * The file is unlinked as soon as it is mounted, so that its room is free again whenever the mount goes, however we end.
 * Inside, `df /` shows a disk of that size. Journal and reserved blocks would only cost room.
 *
 * @throws MitsubakoError `engine-refused` when a step fails; `tool-missing`.
 */
export async function capDisk(
  info: ContainerInspectInfo,
  { bytes, inodes, isThrottled, slot, id }: DiskOptions,
): Promise<void> {
  const folder = layerFolder(info);
  if (folder === undefined) throw refused("its files do not lie where they can be reached");
  const disks = join(dirname(dirname(folder)), DISKS);
  const name = `${imagePrefix(slot)}${id}`;
  const image = join(disks, name);
  const { uid, gid, mode } = statSync(folder);
  mkdirSync(disks, { recursive: true, mode: 0o700 });
  try {
    const file = openSync(image, "wx", 0o600);
    ftruncateSync(file, bytes);
    closeSync(file);
    const options = ["-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard"];
    options.push("-N", String(inodes));
    await tool("mkfs.ext4", [...options, "-d", folder, image]);
    await tool("sh", ["-ec", MOUNT, "sh", disks, name, folder]);
    await goDirect(folder, isThrottled);
    // The root of the new file system is mkfs's own.
    chownSync(folder, uid, gid);
    chmodSync(folder, mode & 0o7777);
    rmdirSync(join(folder, "lost+found"));
  } finally {
    rmSync(image, { force: true });
  }
}

export interface DiskOptions {
  readonly bytes: number;
  readonly inodes: number;
  /** Whether the policy throttles what it reads and writes. */
  readonly isThrottled: boolean;
  readonly slot: number;
  readonly id: SandboxId;
}

/**
 * Past the host's page cache: nothing lies in memory twice, and what the loop device reads and writes counts as the sandbox's own
 * (without it a write rate of 4 MiB/s let 85 to 1,100 MiB/s through, with it 4.2).
 */
async function goDirect(folder: string, isThrottled: boolean): Promise<void> {
  const { dev } = statSync(folder);
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  try {
    await tool("losetup", ["--direct-io=on", `/dev/loop${minor}`]);
  } catch (error) {
    // A disk whose sectors are larger than the loop device's cannot; it matters for rates alone.
    if (isThrottled) throw error;
  }
}

/** ext4's own ratio, so that `df -i` shows what it does on any server. */
const BYTES_PER_INODE = 16 * 1024;
/** Less than this cannot hold what a busy stranger unpacks; more only costs room. */
const [LEAST_INODES, MOST_INODES] = [4096, 262_144];

/** What `sandbox.inodes` is where the policy does not say it. */
export function inodesOf({ disk, inodes }: Pick<Policy["sandbox"], "disk" | "inodes">): number {
  return inodes ?? Math.min(MOST_INODES, Math.max(LEAST_INODES, Math.floor(disk / BYTES_PER_INODE)));
}

/** @throws MitsubakoError `engine-refused` when a sandbox that runs sees another disk than its own, such as the host's. */
export function checkDisk(root: string, bytes: number): void {
  const { blocks, bsize } = statfsSync(root);
  if (blocks * bsize > bytes) throw refused("the engine does not see the disk that was mounted for it");
}

/** Unmounts what `capDisk` mounted, after the container has ended. Not an error when there is nothing. */
export async function uncapDisk(info: ContainerInspectInfo): Promise<void> {
  const folder = layerFolder(info);
  if (folder === undefined || !isMountPoint(folder)) return;
  await uncoverRoot(folder);
  for (let tries = 0; tries < 20; tries++) {
    try {
      await tool("umount", [folder]);
      return;
    } catch {
      // The engine has not let go of it yet.
      await sleep(50);
    }
  }
  // It goes as soon as the last who holds it lets go.
  await tool("umount", ["--lazy", folder]);
}

/** Milliseconds that counting files may take; a sandbox with more of them than that counts as the fullest of all. */
const COUNT_WITHIN = 10_000;

/** Bytes of the machine's disk that a sandbox's own layer holds; `upper` is the engine's folder of it. */
export async function usedDisk(upper: string): Promise<number> {
  if (isMountPoint(dirname(upper))) {
    const { blocks, bfree, bsize } = statfsSync(upper);
    return (blocks - bfree) * bsize;
  }
  try {
    const { stdout } = await run("du", ["-sx", "--block-size=1", upper], { timeout: COUNT_WITHIN });
    return Number.parseInt(stdout, 10);
  } catch (error) {
    // It is gone, or du was stopped at its time.
    return (error as { killed?: boolean }).killed === true ? Infinity : 0;
  }
}

export function hasCappedDisk(info: ContainerInspectInfo): boolean {
  const folder = layerFolder(info);
  return folder !== undefined && isMountPoint(folder);
}

/** Files and loop devices that a gateway left which was killed between making one and mounting it. @returns how many. */
export function reapDiskImages(dataRoot: string, slot: number, dryRun: boolean): number {
  const files = namesIn(join(dataRoot, DISKS)).filter((name) => name.startsWith(imagePrefix(slot)));
  const devices = namesIn("/sys/block").filter((name) => isLeft(name, slot));
  if (!dryRun) {
    for (const device of devices) execFileSync("losetup", ["--detach", `/dev/${device}`]);
    for (const name of files) unlinkSync(join(dataRoot, DISKS, name));
  }
  return files.length + devices.length;
}

/** One that is mounted goes with its mount. */
function isLeft(device: string, slot: number): boolean {
  const told = (what: string) => {
    try {
      return readFileSync(`/sys/block/${device}/loop/${what}`, "utf8").trim();
    } catch {
      // It is no loop device, or has no file.
      return "";
    }
  };
  return told("autoclear") === "0" && told("backing_file").startsWith(`/${imagePrefix(slot)}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The engine's folder is not ours to see, or holds none: then none was made either.
    return [];
  }
}

/** What a stranger may read of a disk's name. */
function imagePrefix(slot: number): string {
  return `vol${slot}-`;
}

/** The engine's folder of the container's own layer: diff, work, link, lower. */
function layerFolder(info: ContainerInspectInfo): string | undefined {
  const { Data: data } = info.GraphDriver as { Data?: { UpperDir?: string } | null };
  if (!data?.UpperDir) return undefined;
  const folder = dirname(data.UpperDir);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : undefined;
}

function isMountPoint(folder: string): boolean {
  const own = statSync(folder, { throwIfNoEntry: false })?.dev;
  return own !== undefined && own !== statSync(dirname(folder)).dev;
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  try {
    await run(name, args, { timeout: 60_000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new MitsubakoError("tool-missing", `${name} is not installed.`, {
        remedy: "Install it: apt-get install e2fsprogs mount",
        cause: error,
      });
    const { stderr = "" } = error as { stderr?: string };
    throw refused(`${name} failed: ${stderr.trim()}`, error);
  }
}

function refused(why: string, cause?: unknown): MitsubakoError {
  return new MitsubakoError("engine-refused", `A sandbox could not be given a disk of its own: ${why}.`, {
    remedy: "`mitsubako doctor` says whether this machine has loop devices and room on its disk.",
    cause,
  });
}

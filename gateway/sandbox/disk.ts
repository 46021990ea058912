import { execFile } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
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

const run = promisify(execFile);

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
  { bytes, slot, id }: { bytes: number; slot: number; id: SandboxId },
): Promise<void> {
  const folder = layerFolder(info);
  if (folder === undefined) throw refused("its files do not lie where they can be reached");
  const image = join(dirname(dirname(folder)), `${imagePrefix(slot)}${id}`);
  const { uid, gid, mode } = statSync(folder);
  try {
    const file = openSync(image, "wx", 0o600);
    ftruncateSync(file, bytes);
    closeSync(file);
    const options = ["-q", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard"];
    await tool("mkfs.ext4", [...options, "-d", folder, image]);
    await tool("mount", ["-t", "ext4", "-o", "loop,discard", image, folder]);
    // The root of the new file system is mkfs's own.
    chownSync(folder, uid, gid);
    chmodSync(folder, mode & 0o7777);
    rmdirSync(join(folder, "lost+found"));
  } finally {
    rmSync(image, { force: true });
  }
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

export function hasCappedDisk(info: ContainerInspectInfo): boolean {
  const folder = layerFolder(info);
  return folder !== undefined && isMountPoint(folder);
}

/** Files that a gateway left which was killed between making one and mounting it. @returns how many. */
export function reapDiskImages(dataRoot: string, slot: number, dryRun: boolean): number {
  let names: string[];
  try {
    names = readdirSync(dataRoot).filter((name) => name.startsWith(imagePrefix(slot)));
  } catch {
    // The engine's folder is not ours to see: then none was made either.
    return 0;
  }
  if (!dryRun) for (const name of names) unlinkSync(join(dataRoot, name));
  return names.length;
}

function imagePrefix(slot: number): string {
  return `.mitsubako-disk-${slot}-`;
}

/** The engine's folder of the container's own layer: diff, work, link, lower. */
function layerFolder(info: ContainerInspectInfo): string | undefined {
  const { Data: data } = info.GraphDriver as { Data?: { UpperDir?: string } | null };
  if (!data?.UpperDir) return undefined;
  const folder = dirname(data.UpperDir);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : undefined;
}

function isMountPoint(folder: string): boolean {
  return statSync(folder).dev !== statSync(dirname(folder)).dev;
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  try {
    await run(name, args, { timeout: 60_000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new MitsubakoError("tool-missing", `${name} is not installed.`, {
        remedy: "Install e2fsprogs and mount, or leave sandbox.disk out of the policy.",
        cause: error,
      });
    const { stderr = "" } = error as { stderr?: string };
    throw refused(`${name} failed: ${stderr.trim()}`, error);
  }
}

function refused(why: string, cause?: unknown): MitsubakoError {
  return new MitsubakoError("engine-refused", `A sandbox could not be given a disk of its own: ${why}.`, {
    remedy: "Leave sandbox.disk out of the policy if this machine cannot do it.",
    cause,
  });
}

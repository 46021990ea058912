import { lstatSync, type BigIntStats } from "node:fs";
import type { ContainerInspectInfo } from "dockerode";
import { toByteString, type ByteString } from "../model/bytes.ts";

/** Where overlay2 keeps a container's files on the host. */
export interface Layers {
  /** What the container wrote. */
  readonly upper: string;
  /** What it started from, uppermost first. */
  readonly lowers: readonly string[];
  /** Both together, as the container sees them, while it runs and where that can be seen. */
  readonly merged: string | undefined;
}

/**
 * Undefined where they cannot be reached: another storage driver, or a gateway that runs in a container without the
 * engine's folder.
 */
export function reachableLayers(info: ContainerInspectInfo): Layers | undefined {
  const { Name: driver, Data: data } = info.GraphDriver as {
    Name: string;
    Data?: Partial<Record<"UpperDir" | "LowerDir" | "MergedDir", string>> | null;
  };
  if (driver !== "overlay2" || !data?.UpperDir || !data.LowerDir || !data.MergedDir) return undefined;
  const lowers = data.LowerDir.split(":");
  if (![data.UpperDir, ...lowers].every(isFolder)) return undefined;
  // A gateway in a container does not see the engine's mounts, but the root of the sandbox's processes.
  const roots = info.State.Running ? [data.MergedDir, `/proc/${info.State.Pid}/root`] : [];
  return { upper: data.UpperDir, lowers, merged: roots.find((root) => isFolder(`${root}/etc`)) };
}

/** A path on the host for one inside, byte for byte. `path` begins with a slash and was walked to, never asked for. */
export function below(root: string, path: ByteString): Buffer {
  return Buffer.concat([Buffer.from(root), Buffer.from(path, "latin1")]);
}

export function joined(folder: ByteString, name: Uint8Array): ByteString {
  return `${folder === "/" ? "" : folder}/${toByteString(name)}` as ByteString;
}

/** Without following a link in the last place. Undefined when there is none. Some 10 µs: less than waiting for a thread. */
export function lstatOf(root: string, path: ByteString): BigIntStats | undefined {
  try {
    return lstatSync(below(root, path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR") return undefined;
    throw error;
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

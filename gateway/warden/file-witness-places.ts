import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where a file witness has to look, as paths of the machine. */
export interface WitnessPlaces {
  /** Into each of the sandbox's file systems that can be written; its root first. */
  readonly folders: readonly string[];
  /** Into the file system that holds what the sandbox writes and nothing else, where it has one. */
  readonly hints: string | undefined;
  /** What tells this first process from a later one of the same number. */
  readonly born: string;
}

/**
 * Undefined when there is no such process any more, or its root is none that can be watched apart from the machine's. Read while
 * nobody is in the sandbox; new mounts cannot be made inside.
 */
export function placesOf(pid: number): WitnessPlaces | undefined {
  try {
    const born = birthOf(pid);
    const mounts = parseMounts(readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
    const [root, ...others] = mounts.filter(({ isWritable, isWhole }) => isWritable && isWhole);
    if (root?.at !== "/" || root.type !== "overlay") return undefined;
    const below = `/proc/${pid}/root`;
    // Its number could be another's by now, the machine's own: whose root is never to be watched.
    if (statSync(`${below}/`).dev === statSync("/").dev || birthOf(pid) !== born) return undefined;
    // Folders that the engine brought in from the machine are parts of file systems, not whole ones.
    const memory = others.filter(({ type }) => type === "tmpfs").map(({ at }) => join(below, at));
    return { folders: [`${below}/`, ...memory], hints: ownDisk(root.options), born };
  } catch {
    return undefined; // it has ended
  }
}

/** When a process began, in ticks since the machine did. Throws when there is none. */
export function birthOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // What stands before may hold anything, spaces and brackets too.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

interface Mount {
  readonly at: string;
  readonly type: string;
  readonly options: string;
  readonly isWritable: boolean;
  /** All of a file system, not a folder of it. */
  readonly isWhole: boolean;
}

/** See proc_pid_mountinfo(5). */
export function parseMounts(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [own = "", rest = ""] = line.split(" - ");
      const [, , , root, at = "", flags = ""] = own.split(" ");
      const [type = "", , options = ""] = rest.split(" ");
      return {
        ...{ at: unescaped(at), type, options },
        isWritable: flags.split(",").includes("rw") && options.split(",").includes("rw"),
        isWhole: root === "/",
      };
    });
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The folder that takes the sandbox's writes, if it lies on a disk of its own (sandbox/disk.ts). */
function ownDisk(options: string): string | undefined {
  const upper = /(?:^|,)upperdir=([^,]+)/.exec(options)?.[1];
  if (upper === undefined) return undefined;
  const disk = dirname(unescaped(upper));
  const [inner, outer] = [disk, dirname(disk)].map(
    (folder) => statSync(folder, { throwIfNoEntry: false })?.dev,
  );
  return inner !== undefined && inner !== outer ? disk : undefined;
}

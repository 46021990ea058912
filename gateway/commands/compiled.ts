import { lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/**
 * Has Node keep what it compiles from here on, so that the next command starts in half the time or less. What is kept is run by
 * whoever calls the next command, often root: so only in a folder that nobody else can write to, nor to one above it within the code.
 *
 * @param root of the code.
 * @returns whether it is kept.
 */
export function keepCompiled(root: string): boolean {
  const packages = join(root, "node_modules");
  const kept = join(packages, ".cache", "mitsubako");
  try {
    for (const folder of [packages, join(packages, ".cache"), kept]) {
      if (folder !== packages) mkdirSync(folder, { recursive: true, mode: 0o755 });
      if (!isOurs(folder)) return false;
    }
    return enableCompileCache(kept).directory !== undefined;
  } catch {
    // Slower, and otherwise as well: the folder is another's, or the disk is read-only or full.
    return false;
  }
}

/** A folder of ours or root's that no other can write to; not a link to one. */
function isOurs(folder: string): boolean {
  const stat = lstatSync(folder);
  return stat.isDirectory() && [0, process.geteuid?.()].includes(stat.uid) && (stat.mode & 0o022) === 0;
}

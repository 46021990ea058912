import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Folders in which something has to happen before one of the files says something else, each with what tells it from another one
 * that is put in its place. Editors replace a file by renaming, which a watch on the file itself would lose. Where a path is a link, its
 * target's folder counts too; where a folder is not there, the nearest one above it that is.
 */
export async function foldersToWatch(files: readonly string[]): Promise<Map<string, string>> {
  const folders = new Map<string, string>();
  for (const file of files) {
    const target = await realpath(file).catch(() => file);
    for (const path of [file, target]) {
      const { folder, identity } = await nearestFolder(dirname(path));
      folders.set(folder, identity);
    }
  }
  return folders;
}

async function nearestFolder(folder: string): Promise<{ folder: string; identity: string }> {
  const there = await stat(folder).catch(() => undefined);
  if (there?.isDirectory() === true) return { folder, identity: `${there.dev}:${there.ino}` };
  const above = dirname(folder);
  return above === folder ? { folder, identity: "" } : nearestFolder(above);
}

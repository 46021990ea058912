import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../../model/errors.ts";

const READ_BY_OTHERS = 0o004;
const ENTER_BY_OTHERS = 0o005;

/**
 * The unprivileged processes run the very checkout that root runs; with a strict umask at the time of the clone or of
 * `npm install` they could not read it. The folders above it may be closed: only it is shown to them.
 *
 * @throws MitsubakoError `code-unreadable`, naming the first file.
 */
export async function requireReadableCode(codeRoot: string, entry: string): Promise<void> {
  const closed =
    (await firstClosed(codeRoot, [codeRoot])) ??
    (await firstClosed(codeRoot, await filesBelow(join(codeRoot, "gateway")))) ??
    (await firstClosed(codeRoot, [join(codeRoot, entry), process.execPath, ...(await packages(codeRoot))]));
  if (closed === undefined) return;
  throw new MitsubakoError("code-unreadable", `${closed} cannot be read by the unprivileged processes.`, {
    remedy: `Open it to them: chmod -R go+rX ${codeRoot}`,
  });
}

async function firstClosed(codeRoot: string, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const { mode } = await stat(path).catch((cause: unknown) => {
      throw new MitsubakoError("code-unreadable", `${path} is missing.`, {
        remedy: `Run npm install in ${codeRoot}.`,
        cause,
      });
    });
    const needed = (mode & 0o170000) === 0o040000 ? ENTER_BY_OTHERS : READ_BY_OTHERS;
    if ((mode & needed) !== needed) return path;
  }
  return undefined;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return [
    folder,
    ...entries
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name)),
  ];
}

/** Each package's folder and description stand for all of it: npm sets the modes of one install alike. */
async function packages(codeRoot: string): Promise<string[]> {
  const modules = join(codeRoot, "node_modules");
  const names = await readdir(modules).catch(() => []);
  return [
    join(codeRoot, "package.json"),
    modules,
    ...names
      .filter((name) => !name.startsWith(".") && !name.startsWith("@"))
      .map((name) => join(modules, name)),
  ];
}

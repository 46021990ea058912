import { access, constants } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

/** The checkout. */
export const PROJECT_ROOT = join(import.meta.dirname, "..", "..");

/** A path as the operator means it: npm runs scripts in the checkout, but the operator stands where INIT_CWD says. */
export function givenPath(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
}

/** As `givenPath`, short where the operator stands in the folder or above it: for what is shown, and good for reading too. */
export function shownPath(path: string): string {
  const given = givenPath(path);
  const short = relative(process.cwd(), given);
  return short === "" || short.startsWith("..") ? given : short;
}

/** Whether the system has such a program, in the folders that root's PATH has. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

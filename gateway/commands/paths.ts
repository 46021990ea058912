import { join, resolve } from "node:path";

/** The checkout. */
export const PROJECT_ROOT = join(import.meta.dirname, "..", "..");

/** A path as the operator means it: npm runs scripts in the checkout, but the operator stands where INIT_CWD says. */
export function givenPath(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
}

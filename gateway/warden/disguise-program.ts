import { join } from "node:path";
import type { Logger } from "pino";
import { buildStatic } from "./static-program.ts";

const SOURCE = join(import.meta.dirname, "..", "sandbox", "disguise.c");

/**
 * Builds what makes sandboxes look like servers into a folder of root alone. Nothing is held back by it, so a machine without a
 * compiler goes without, and the log says so.
 * @returns its path.
 */
export async function buildDisguise(folder: string, log: Logger): Promise<string | undefined> {
  try {
    return await buildStatic(SOURCE, folder);
  } catch (error) {
    log.warn({ err: error }, "sandboxes show in their mounts that they are containers");
    return undefined;
  }
}

import { access } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../../sandbox-image");

/** Whether `sandbox-image/` says how to build it. */
export function isShipped(persona: string): Promise<boolean> {
  return access(join(FOLDER, persona, "image.conf")).then(
    () => true,
    () => false,
  );
}

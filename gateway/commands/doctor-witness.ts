import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Policy } from "../model/policy.ts";
import { childUid, FILE_WITNESS_INDEX } from "../model/slot.ts";
import { tryFileWitness } from "../warden/file-witness-program.ts";
import { Warning } from "./finding.ts";

/** Whether files that are run or deleted before a capture can be kept here. Builds the witness in a folder of its own, and tries it. */
export async function examineFileWitness({ watchFiles }: Policy["evidence"]): Promise<string> {
  if (watchFiles === "off") return "are not watched, as evidence.watchFiles says";
  if (process.getuid?.() !== 0)
    throw new Warning("it takes root's rights to see whether they can be watched");
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-doctor-"));
  try {
    await tryFileWitness(folder, childUid(0, FILE_WITNESS_INDEX));
    return "that are run or deleted before a capture are kept";
  } catch (error) {
    if (watchFiles === "required") throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Warning(`that are run or deleted before a capture are not kept: ${why}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

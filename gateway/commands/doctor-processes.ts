import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Policy } from "../model/policy.ts";
import { childUid, SLOTS, TAP_INDEX } from "../model/slot.ts";
import { tryTap } from "../warden/watch/tap.ts";
import { Warning } from "./finding.ts";

/** Whether what runs in sandboxes can be seen from outside: by putting the programs into the kernel, and taking them out again. */
export async function processesSeen({ evidence }: Policy): Promise<string> {
  if (evidence.processes === "off") return "not watched, as evidence.processes says";
  if (process.getuid?.() !== 0)
    throw new Warning("what runs in sandboxes: not tried, it takes root's rights");
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-doctor-"));
  try {
    await tryTap(folder, childUid(SLOTS - 1, TAP_INDEX));
    return "the kernel takes the programs that see what runs in sandboxes";
  } catch (error) {
    const says = `what runs in sandboxes cannot be seen from outside: ${(error as Error).message}`;
    throw evidence.processes === "required" ? new Error(says) : new Warning(says);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

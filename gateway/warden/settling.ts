import { setTimeout as sleep } from "node:timers/promises";
import type { FileWitnesses } from "./file-witnesses.ts";
import type { ProcessWatch } from "./watch/process-watch.ts";

/** Milliseconds after which a session's end waits no more. */
const WITHIN = 1000;

export interface Settling {
  readonly files: Pick<FileWitnesses, "settle">;
  readonly processes: Pick<ProcessWatch, "settle">;
}

/** Whether all that was seen of a sandbox by now is led where it belongs. Within a second. */
export async function settle(
  address: string,
  { files, processes }: Settling,
  within = WITHIN,
): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(within, false, { signal: over.signal }).catch(() => false);
  const all = Promise.all([files.settle(address), processes.settle(address)]);
  try {
    return await Promise.race([all.then((each) => each.every(Boolean)), late]);
  } finally {
    over.abort();
  }
}

import type { Fence } from "../firewall/fence.ts";
import { portOf } from "../firewall/port.ts";
import type { Ground } from "../sandbox/lifecycle.ts";
import type { FileWitnesses } from "./file-witnesses.ts";
import type { ProcessWatch } from "./watch/process-watch.ts";

/** What sees a sandbox from outside. */
export interface Seers {
  readonly files: Pick<FileWitnesses, "started" | "ending">;
  readonly processes: Pick<ProcessWatch, "started" | "dismiss">;
}

/** What holds each sandbox's packets, from the fence that stands, and what sees its files and processes. */
export function groundOf(fence: Fence, seers?: Seers): Ground {
  return {
    admit: (address) => fence.admit(address),
    started: async ({ address, pid, kept }) => {
      // A new container's port is barred from the others' before anybody is let into it, or anything out of it.
      fence.isolate();
      await fence.letOut({ address, ...(await portOf(fence.plan, pid)) });
      seers?.processes.started({ address, pid });
      await seers?.files.started({ address, pid, kept });
    },
    assigned: (address, network) => fence.assign(address, network),
    ending: async (address) => seers?.files.ending(address),
    dismiss: (address) => {
      seers?.processes.dismiss(address);
      return fence.dismiss(address);
    },
  };
}

import type { Fence } from "../firewall/fence.ts";
import { portOf } from "../firewall/port.ts";
import type { Ground } from "../sandbox/lifecycle.ts";
import type { FileWitnesses } from "./file-witnesses.ts";

/** What holds each sandbox's packets, from the fence that stands, and what sees its files. */
export function groundOf(fence: Fence, witnesses?: Pick<FileWitnesses, "started" | "ending">): Ground {
  return {
    admit: (address) => fence.admit(address),
    started: async ({ address, pid, kept }) => {
      // A new container's port is barred from the others' before anybody is let into it, or anything out of it.
      fence.isolate();
      await fence.letOut({ address, ...(await portOf(fence.plan, pid)) });
      await witnesses?.started({ address, pid, kept });
    },
    ending: async (address) => witnesses?.ending(address),
    dismiss: (address) => fence.dismiss(address),
  };
}

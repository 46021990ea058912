import type { Fence } from "../firewall/fence.ts";
import { portOf } from "../firewall/port.ts";
import type { Ground } from "../sandbox/lifecycle.ts";

/** What holds each sandbox's packets, from the fence that stands. */
export function groundOf(fence: Fence): Ground {
  return {
    admit: (address) => fence.admit(address),
    started: async ({ address, pid }) => {
      // A new container's port is barred from the others' before anybody is let into it, or anything out of it.
      fence.isolate();
      await fence.letOut({ address, ...(await portOf(fence.plan, pid)) });
    },
    dismiss: (address) => fence.dismiss(address),
  };
}

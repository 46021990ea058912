import type { Fence } from "../firewall/fence.ts";
import type { Traffic } from "../model/capture.ts";
import type { Policy } from "../model/policy.ts";

/** What a sandbox has sent and received by now, as its caps count it; undefined where nothing passed. @param network what holds for it. */
export async function trafficOf(
  fence: Pick<Fence, "caps">,
  address: string,
  { egress, ports, caps }: Policy["network"],
): Promise<Traffic | undefined> {
  // Nothing has to be asked of the kernel where nothing passes.
  if (egress === "deny" && ports.every((rule) => rule.egress === "deny")) return undefined;
  const own = (await fence.caps()).filter((cap) => cap.address === address);
  const used = (way: "up" | "down") => own.find(({ direction }) => direction === way)?.used ?? 0;
  const [up, down] = [used("up"), used("down")];
  if (up === 0 && down === 0) return undefined;
  const isSpent = own.some(({ spent }) => spent);
  return { up, down, ...(isSpent ? { spent: true } : {}), ...(caps.per === "hour" ? { hourly: true } : {}) };
}

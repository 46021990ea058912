import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capMetrics } from "../firewall/cap-metrics.ts";
import type { CapReading } from "../firewall/caps.ts";

/**
 * `<data>/metrics.prom`, replaced as a whole: a collector never reads half of it.
 *
 * @param more what others have counted, in the same format.
 */
export function writeMetrics(data: string, slot: number, caps: readonly CapReading[], more: string): void {
  const path = join(data, "metrics.prom");
  writeFileSync(`${path}.new`, capMetrics(caps.map((cap) => ({ ...cap, slot }))) + more, { mode: 0o644 });
  renameSync(`${path}.new`, path);
}

import type { CapReading } from "../firewall/caps.ts";
import { remaining } from "../firewall/caps.ts";
import { capMetrics } from "../firewall/cap-metrics.ts";
import { capsOf } from "../firewall/engines.ts";
import { SLOTS } from "../model/slot.ts";
import { showSize } from "../policy/units.ts";
import { Engine } from "../sandbox/docker.ts";
import { listSandboxes } from "../sandbox/list.ts";

interface Row extends CapReading {
  readonly slot: number;
  /** Empty where the engine does not know it any more. */
  readonly sandbox: string;
}

/** What the kernel says that each sandbox has used of its byte caps, and what is left. Needs no running gateway. */
export async function capsCommand(options: { json?: true; prometheus?: true }): Promise<number> {
  const rows = await readAll();
  if (options.prometheus) process.stdout.write(capMetrics(rows));
  else if (options.json)
    for (const row of rows)
      process.stdout.write(`${JSON.stringify({ ...row, remaining: remaining(row) })}\n`);
  else process.stdout.write(table(rows));
  return 0;
}

async function readAll(): Promise<Row[]> {
  const engine = new Engine();
  const rows: Row[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const caps = await capsOf(slot);
    if (caps.length === 0) continue;
    const sandboxes = await listSandboxes(engine, slot);
    for (const cap of caps) rows.push({ slot, sandbox: sandboxes.get(cap.address) ?? "", ...cap });
  }
  return rows;
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return "No sandbox has byte caps now: there is none.\n";
  const lines = rows.map((row) => [
    row.sandbox || "?",
    row.address,
    row.direction,
    showSize(row.used),
    showSize(row.limit),
    row.spent ? "used up" : showSize(remaining(row)),
  ]);
  const all = [["SANDBOX", "ADDRESS", "WAY", "USED", "CAP", "LEFT"], ...lines];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? [];
  return all
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** One comparison of a run: ours through the gateway, theirs without it. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number;
  /** Ratio ours/theirs to reach: at most, or at least where `more` is better. */
  readonly goal?: number;
  readonly more?: boolean;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** @param heads what is compared with what. */
export function show(
  figures: readonly Figure[],
  heads: readonly [string, string] = ["through the gateway", "its sshd alone"],
): string {
  const rows = figures.map(({ what, unit, ours, theirs, goal, more }) => [
    what,
    `${round(ours)} ${unit}`,
    `${round(theirs)} ${unit}`,
    unit === "ms" ? `+${round(ours - theirs)} ms` : `${round(ours / theirs)} ×`,
    goal === undefined ? "" : `${more === true ? "≥" : "≤"} ${goal} ×`,
  ]);
  const table = [["figure", ...heads, "ratio", "goal"], ...rows];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function round(value: number): string {
  return value.toPrecision(3);
}

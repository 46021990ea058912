import { cut } from "../human.ts";
import type { Telling } from "./whole.ts";

/** Columns of a line where the story is to fit on a screen. */
const WIDTH = 110;

/**
 * Lines of a list as far as they are told: some on a screen, many in full, never all of a flood.
 *
 * @param more says how many others there are.
 */
export function someOf(
  lines: readonly string[],
  { full, share = 1 }: Telling,
  most: { readonly short: number; readonly full: number; readonly least?: number },
  more: (number: number) => string = (number) => `… ${number} more (--full)`,
): string[] {
  const limit = full ? most.full : Math.max(most.least ?? 1, Math.floor(most.short * share));
  const shown = lines.length > limit ? lines.slice(0, limit) : lines;
  return [
    ...shown.map((line) => (full ? line : cut(line, WIDTH))),
    ...(shown.length < lines.length ? [`  ${more(lines.length - shown.length)}`] : []),
  ];
}

import type { Indicator } from "../evidence/indicators/indicator.ts";
import { asText } from "../model/bytes.ts";
import { showMicros } from "../model/timestamps.ts";

/** An indicator for programs. `asJson` does the rest: bytes of a value that are no text, times. */
export function jsonIndicator({ kind, value, details, cites }: Indicator): object {
  return {
    kind,
    value,
    ...(details && {
      details: Object.fromEntries(Object.entries(details).map(([name, text]) => [name, asText(text)])),
    }),
    cites: cites.map((cite) => ("late" in cite ? { late: showMicros(cite.late) } : cite)),
  };
}

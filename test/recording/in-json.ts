import type { RecordedEntry } from "../../gateway/recording/reader.ts";

/** An entry as the goldens' JSON has it: payloads in hexadecimal, times as decimal text. */
export function inJson(entry: RecordedEntry): object {
  const { offset, at } = entry;
  if (entry.type === "fact") return { offset, at: String(at), fact: entry.fact };
  return {
    offset,
    at: String(at),
    from: entry.from,
    channel: entry.channel,
    payload: entry.payload.toString("hex"),
  };
}

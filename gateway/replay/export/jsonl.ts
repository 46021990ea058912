import { toByteString } from "../../model/bytes.ts";
import type { Fact } from "../../model/entries.ts";
import { jsonText } from "../../model/json.ts";
import type { RecordedEntry } from "../../recording/reader.ts";
import { parseConnectionMessage } from "../../ssh/messages/message.ts";
import type { Source } from "./source.ts";
import { timeOfDay } from "./time-of-day.ts";

export interface JsonlOptions {
  /** Only this channel's packets, beside all facts. */
  readonly channel?: number;
  readonly withoutCredentials: boolean;
}

/** Each entry as a line of JSON. */
export async function* jsonl(
  source: Source,
  { channel, withoutCredentials }: JsonlOptions,
): AsyncGenerator<string> {
  const { startedAt } = source.opened;
  for await (const entry of source.entries()) {
    if (entry.type === "packet" && channel !== undefined && entry.channel !== channel) continue;
    if (withoutCredentials && entry.type === "fact" && CREDENTIALS.has(entry.fact.kind)) continue;
    const time = timeOfDay(startedAt, entry.at);
    // Nanoseconds as they are: an integer of JSON has no bound, a number of JavaScript has.
    yield `{"offset":${entry.offset},"at":${entry.at},"time":"${time}",${jsonText(body(entry)).slice(1)}\n`;
  }
}

const CREDENTIALS: ReadonlySet<Fact["kind"]> = new Set(["credential", "credential-dropped"] as const);

function body(entry: RecordedEntry): object {
  if (entry.type === "fact") return { type: "fact", fact: entry.fact };
  const { from, channel, payload } = entry;
  const message = parseConnectionMessage(payload);
  const packet = {
    type: "packet",
    from,
    channel,
    message: payload[0] ?? -1,
    kind: message.kind,
    payload: payload.toString("base64"),
  };
  switch (message.kind) {
    case "channel-data":
    case "channel-extended-data":
      return { ...packet, text: message.data.toString("utf8") };
    case "channel-request":
      return {
        ...packet,
        name: message.name,
        ...("data" in message.request ? {} : { request: shown(message.request) }),
      };
    case "channel-open":
      return { ...packet, name: message.channelType };
    case "global-request":
      return { ...packet, name: message.name };
    default:
      return packet;
  }
}

/** Buffers as ByteStrings, as all else that strangers sent is in JSON here. */
function shown(request: object): object {
  return Object.fromEntries(
    Object.entries(request).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Uint8Array ? toByteString(value) : value,
    ]),
  );
}

import type { ByteString } from "../model/bytes.ts";
import type { Entry, Origin, PacketEntry } from "../model/entries.ts";
import type { ChannelRequest, WindowSize } from "../ssh/messages/channel-request.ts";
import { parseConnectionMessage } from "../ssh/messages/message.ts";

/** What happened on one channel, as one who looked at it would tell. Buffers are views of the entry's payload. */
export type ChannelEvent = {
  /** Nanoseconds since the session's start. */
  readonly at: bigint;
  /** Ordinal of the channel in its session. */
  readonly channel: number;
} & (
  | { readonly kind: "opened"; readonly type: ByteString; readonly by: Origin }
  | { readonly kind: "terminal"; readonly term: ByteString; readonly size: WindowSize }
  | { readonly kind: "resized"; readonly size: WindowSize }
  | { readonly kind: "shell" }
  | { readonly kind: "exec"; readonly command: ByteString }
  | { readonly kind: "subsystem"; readonly subsystem: ByteString }
  /** From the sandbox: standard output, and standard error where there is no terminal. */
  | { readonly kind: "output" | "error-output"; readonly data: Buffer }
  /** From the attacker. */
  | { readonly kind: "input"; readonly data: Buffer }
  | { readonly kind: "end-of-file"; readonly from: Origin }
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "killed"; readonly signal: ByteString }
  | { readonly kind: "closed"; readonly from: Origin }
);

/** What each entry means for its channel, in order. Packets that are malformed or belong to no channel mean nothing here. */
export async function* channelEvents(entries: AsyncIterable<Entry>): AsyncGenerator<ChannelEvent> {
  for await (const entry of entries) {
    if (entry.type !== "packet") continue;
    const event = channelEvent(entry);
    if (event !== undefined) yield event;
  }
}

export function channelEvent({ at, channel, from, payload }: PacketEntry): ChannelEvent | undefined {
  if (channel === 0) return undefined;
  const message = parseConnectionMessage(payload);
  switch (message.kind) {
    case "channel-open":
      return { at, channel, kind: "opened", type: message.channelType, by: from };
    case "channel-data":
      return { at, channel, kind: from === "upstream" ? "output" : "input", data: message.data };
    case "channel-extended-data":
      // RFC 4254 knows extended data from a server only; a client's goes nowhere.
      return from === "upstream" ? { at, channel, kind: "error-output", data: message.data } : undefined;
    case "channel-eof":
      return { at, channel, kind: "end-of-file", from };
    case "channel-close":
      return { at, channel, kind: "closed", from };
    case "channel-request": {
      const told = from === "downstream" ? asked(message) : ended(message);
      return told === undefined ? undefined : { at, channel, ...told };
    }
    default:
      return undefined;
  }
}

/** What the attacker asked for. */
function asked({ request }: ChannelRequest) {
  switch (request.kind) {
    case "pty-req":
      return { kind: "terminal", term: request.term, size: request.size } as const;
    case "window-change":
      return { kind: "resized", size: request.size } as const;
    case "shell":
      return { kind: "shell" } as const;
    case "exec":
      return { kind: "exec", command: request.command } as const;
    case "subsystem":
      return { kind: "subsystem", subsystem: request.subsystem } as const;
    default:
      return undefined;
  }
}

/** What the sandbox's sshd said of how it ended. */
function ended({ request }: ChannelRequest) {
  switch (request.kind) {
    case "exit-status":
      return { kind: "exited", status: request.status } as const;
    case "exit-signal":
      return { kind: "killed", signal: request.signal } as const;
    default:
      return undefined;
  }
}

/** What happens on an open channel (RFC 4254 sections 5.2 to 5.4); requests are in channel-request.ts. */
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { payload, string, u32 } from "./writer.ts";

export interface ChannelWindowAdjust {
  readonly kind: "channel-window-adjust";
  readonly recipient: number;
  readonly bytes: number;
}

export interface ChannelData {
  readonly kind: "channel-data";
  readonly recipient: number;
  readonly data: Buffer;
}

export interface ChannelExtendedData {
  readonly kind: "channel-extended-data";
  readonly recipient: number;
  /** 1 is stderr; nothing else is defined. */
  readonly dataType: number;
  readonly data: Buffer;
}

export interface ChannelSignal {
  readonly kind: "channel-eof" | "channel-close" | "channel-success" | "channel-failure";
  readonly recipient: number;
}

export type ChannelMessage = ChannelWindowAdjust | ChannelData | ChannelExtendedData | ChannelSignal;

/** `bytes[0]` is 93 to 97, 99 or 100. */
export function parseChannel(bytes: Buffer): ChannelMessage | Malformed {
  const type = bytes[0] ?? -1;
  const reader = new Reader(bytes, 1);
  const recipient = reader.u32();
  switch (type) {
    case MSG.CHANNEL_WINDOW_ADJUST:
      return complete(reader, type, { kind: "channel-window-adjust", recipient, bytes: reader.u32() });
    case MSG.CHANNEL_DATA:
      return complete(reader, type, { kind: "channel-data", recipient, data: reader.string() });
    case MSG.CHANNEL_EXTENDED_DATA:
      return complete(reader, type, {
        kind: "channel-extended-data",
        recipient,
        dataType: reader.u32(),
        data: reader.string(),
      });
    case MSG.CHANNEL_EOF:
      return complete(reader, type, { kind: "channel-eof", recipient });
    case MSG.CHANNEL_CLOSE:
      return complete(reader, type, { kind: "channel-close", recipient });
    case MSG.CHANNEL_SUCCESS:
      return complete(reader, type, { kind: "channel-success", recipient });
    case MSG.CHANNEL_FAILURE:
      return complete(reader, type, { kind: "channel-failure", recipient });
    default:
      return { kind: "malformed", type, problem: "unknown-type" };
  }
}

export function buildWindowAdjust(recipient: number, bytes: number): Buffer {
  return payload(MSG.CHANNEL_WINDOW_ADJUST, u32(recipient), u32(bytes));
}

export function buildChannelData(recipient: number, data: Uint8Array | string): Buffer {
  return payload(MSG.CHANNEL_DATA, u32(recipient), string(data));
}

export function buildChannelExtendedData(
  recipient: number,
  dataType: number,
  data: Uint8Array | string,
): Buffer {
  return payload(MSG.CHANNEL_EXTENDED_DATA, u32(recipient), u32(dataType), string(data));
}

export function buildChannelSignal(kind: ChannelSignal["kind"], recipient: number): Buffer {
  return payload(SIGNAL_TYPES[kind], u32(recipient));
}

const SIGNAL_TYPES = {
  "channel-eof": MSG.CHANNEL_EOF,
  "channel-close": MSG.CHANNEL_CLOSE,
  "channel-success": MSG.CHANNEL_SUCCESS,
  "channel-failure": MSG.CHANNEL_FAILURE,
} as const satisfies Record<ChannelSignal["kind"], number>;

/** Opening a channel (RFC 4254 sections 5.1, 6.3.2, 7.2; OpenSSH's PROTOCOL section 2). */
import type { ByteString } from "../../model/bytes.ts";
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { payload, string, u32 } from "./writer.ts";

export interface ChannelOpen {
  readonly kind: "channel-open";
  readonly channelType: ByteString;
  /** The opener's number for it. */
  readonly sender: number;
  readonly window: number;
  readonly maxPacket: number;
  readonly open: OpenDetail;
}

export type OpenDetail =
  | { readonly kind: "session" | "auth-agent@openssh.com" }
  | { readonly kind: "direct-tcpip" | "forwarded-tcpip"; readonly to: Address; readonly origin: Address }
  | { readonly kind: "x11"; readonly origin: Address }
  | {
      readonly kind: "direct-streamlocal@openssh.com" | "forwarded-streamlocal@openssh.com";
      readonly path: ByteString;
    }
  | { readonly kind: "tun@openssh.com"; readonly mode: number; readonly unit: number }
  /** A type that is not among the above, or one whose data is not what the type says. */
  | { readonly kind: "other"; readonly data: Buffer };

/** As the peer wrote it: a name or an address, unchecked. */
export interface Address {
  readonly host: ByteString;
  readonly port: number;
}

export interface ChannelOpenConfirmation {
  readonly kind: "channel-open-confirmation";
  /** The opener's number. */
  readonly recipient: number;
  /** The confirming side's number. */
  readonly sender: number;
  readonly window: number;
  readonly maxPacket: number;
  readonly data: Buffer;
}

export interface ChannelOpenFailure {
  readonly kind: "channel-open-failure";
  readonly recipient: number;
  readonly reason: number;
  readonly description: ByteString;
  readonly language: ByteString;
}

export function parseChannelOpen(bytes: Buffer): ChannelOpen | Malformed {
  const reader = new Reader(bytes, 1);
  const channelType = reader.text();
  const head = { sender: reader.u32(), window: reader.u32(), maxPacket: reader.u32() };
  if (reader.truncated) return { kind: "malformed", type: MSG.CHANNEL_OPEN, problem: "truncated" };
  return { kind: "channel-open", channelType, ...head, open: parseDetail(channelType, reader.rest()) };
}

function parseDetail(type: string, data: Buffer): OpenDetail {
  const reader = new Reader(data);
  const detail = readDetail(type, reader);
  return detail === undefined || !reader.complete ? { kind: "other", data } : detail;
}

function readDetail(type: string, reader: Reader): OpenDetail | undefined {
  switch (type) {
    case "session":
    case "auth-agent@openssh.com":
      return { kind: type };
    case "direct-tcpip":
    case "forwarded-tcpip":
      return { kind: type, to: readAddress(reader), origin: readAddress(reader) };
    case "x11":
      return { kind: type, origin: readAddress(reader) };
    case "direct-streamlocal@openssh.com": {
      const path = reader.text();
      reader.string();
      reader.u32();
      return { kind: type, path };
    }
    case "forwarded-streamlocal@openssh.com": {
      const path = reader.text();
      reader.string();
      return { kind: type, path };
    }
    case "tun@openssh.com":
      return { kind: type, mode: reader.u32(), unit: reader.u32() };
    default:
      return undefined;
  }
}

function readAddress(reader: Reader): Address {
  return { host: reader.text(), port: reader.u32() };
}

export function parseChannelOpenConfirmation(bytes: Buffer): ChannelOpenConfirmation | Malformed {
  const reader = new Reader(bytes, 1);
  const message = {
    kind: "channel-open-confirmation",
    recipient: reader.u32(),
    sender: reader.u32(),
    window: reader.u32(),
    maxPacket: reader.u32(),
    data: reader.rest(),
  } as const;
  return complete(reader, MSG.CHANNEL_OPEN_CONFIRMATION, message);
}

export function parseChannelOpenFailure(bytes: Buffer): ChannelOpenFailure | Malformed {
  const reader = new Reader(bytes, 1);
  const message = {
    kind: "channel-open-failure",
    recipient: reader.u32(),
    reason: reader.u32(),
    description: reader.text(),
    language: reader.text(),
  } as const;
  return complete(reader, MSG.CHANNEL_OPEN_FAILURE, message);
}

export function buildChannelOpen(
  type: string,
  head: { readonly sender: number; readonly window: number; readonly maxPacket: number },
  ...fields: readonly Buffer[]
): Buffer {
  return payload(
    MSG.CHANNEL_OPEN,
    string(type),
    u32(head.sender),
    u32(head.window),
    u32(head.maxPacket),
    ...fields,
  );
}

export function buildChannelOpenConfirmation(message: {
  readonly recipient: number;
  readonly sender: number;
  readonly window: number;
  readonly maxPacket: number;
}): Buffer {
  return payload(
    MSG.CHANNEL_OPEN_CONFIRMATION,
    u32(message.recipient),
    u32(message.sender),
    u32(message.window),
    u32(message.maxPacket),
  );
}

export function buildChannelOpenFailure(recipient: number, reason: number, description: string): Buffer {
  return payload(MSG.CHANNEL_OPEN_FAILURE, u32(recipient), u32(reason), string(description), string(""));
}

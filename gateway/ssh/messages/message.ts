import {
  parseChannelOpen,
  parseChannelOpenConfirmation,
  parseChannelOpenFailure,
  type ChannelOpen,
  type ChannelOpenConfirmation,
  type ChannelOpenFailure,
} from "./channel-open.ts";
import { parseChannelRequest, type ChannelRequest } from "./channel-request.ts";
import { parseChannel, type ChannelMessage } from "./channel.ts";
import { parseGlobal, type GlobalMessage } from "./global.ts";
import type { Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";

/** Everything that is relayed and recorded after login. */
export type ConnectionMessage =
  | GlobalMessage
  | ChannelOpen
  | ChannelOpenConfirmation
  | ChannelOpenFailure
  | ChannelRequest
  | ChannelMessage;

/**
 * One payload of types 80 to 100. Buffers in the result are views into it; names are ByteStrings, unchecked and unescaped.
 */
export function parseConnectionMessage(payload: Buffer): ConnectionMessage | Malformed {
  const type = payload[0] ?? -1;
  switch (type) {
    case MSG.CHANNEL_OPEN:
      return parseChannelOpen(payload);
    case MSG.CHANNEL_OPEN_CONFIRMATION:
      return parseChannelOpenConfirmation(payload);
    case MSG.CHANNEL_OPEN_FAILURE:
      return parseChannelOpenFailure(payload);
    case MSG.CHANNEL_REQUEST:
      return parseChannelRequest(payload);
    case MSG.GLOBAL_REQUEST:
    case MSG.REQUEST_SUCCESS:
    case MSG.REQUEST_FAILURE:
      return parseGlobal(payload);
    default:
      return parseChannel(payload);
  }
}

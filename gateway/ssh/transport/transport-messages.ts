import { fromByteString } from "../../model/bytes.ts";
import { parseDisconnect } from "../messages/general.ts";
import { MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import { ProtocolError } from "./failures.ts";
import type { TransportEnd } from "./transport.ts";

/**
 * SSH_MSG_DISCONNECT, IGNORE, UNIMPLEMENTED and DEBUG (RFC 4253 section 11): all but the first mean nothing to us, but OpenSSH leaves when they are cut short.
 * The end, if it is one.
 *
 * @throws ProtocolError
 */
export function readTransportMessage(bytes: Buffer): TransportEnd | undefined {
  const reader = new Reader(bytes, 1);
  switch (bytes[0]) {
    case MSG.DISCONNECT: {
      const message = parseDisconnect(bytes);
      if (message.kind === "malformed") throw new ProtocolError("malformed DISCONNECT");
      return { kind: "disconnect", code: message.code, description: fromByteString(message.description) };
    }
    case MSG.UNIMPLEMENTED:
      reader.u32();
      break;
    case MSG.DEBUG:
      reader.bool();
      reader.string();
      reader.string();
      break;
    default:
  }
  if (reader.truncated) throw new ProtocolError(`malformed message of type ${bytes[0] ?? 0}`);
  return undefined;
}

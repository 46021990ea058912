/** Messages of the transport layer that the upper layers look at or write (RFC 4253 sections 10 and 11). */
import type { ByteString } from "../../model/bytes.ts";
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { bool, payload, string, u32 } from "./writer.ts";

export interface Disconnect {
  readonly kind: "disconnect";
  readonly code: number;
  readonly description: ByteString;
}

export interface Service {
  readonly kind: "service-request" | "service-accept";
  readonly service: Buffer;
}

/** Lenient about the language tag, which old clients leave out. */
export function parseDisconnect(bytes: Buffer): Disconnect | Malformed {
  const reader = new Reader(bytes, 1);
  const code = reader.u32();
  const description = reader.text();
  if (reader.truncated) return { kind: "malformed", type: MSG.DISCONNECT, problem: "truncated" };
  return { kind: "disconnect", code, description };
}

export function parseService(bytes: Buffer): Service | Malformed {
  const reader = new Reader(bytes, 1);
  const type = bytes[0] ?? -1;
  const kind = type === MSG.SERVICE_ACCEPT ? "service-accept" : "service-request";
  return complete(reader, type, { kind, service: reader.string() });
}

export function buildDisconnect(code: number, description: Uint8Array | string): Buffer {
  return payload(MSG.DISCONNECT, u32(code), string(description), string(""));
}

export function buildServiceRequest(service: string): Buffer {
  return payload(MSG.SERVICE_REQUEST, string(service));
}

export function buildServiceAccept(service: Uint8Array | string): Buffer {
  return payload(MSG.SERVICE_ACCEPT, string(service));
}

/** OpenSSH sets `always_display` to 0 and no language. */
export function buildDebug(text: string): Buffer {
  return payload(MSG.DEBUG, bool(false), string(text), string(""));
}

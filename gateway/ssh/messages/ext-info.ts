/** SSH_MSG_EXT_INFO (RFC 8308 section 2.3). */
import type { Extension } from "../../model/learned.ts";
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { payload, string, u32 } from "./writer.ts";

/** With it a client asks to be told the signature algorithms once more, when it is known who wants to log in (OpenSSH's PROTOCOL, section 2.3). */
export const EXT_INFO_IN_AUTH = "ext-info-in-auth@openssh.com";
/** Who announces it answers SSH_MSG_PING (OpenSSH's PROTOCOL, section 1.9). */
export const PING_EXTENSION = "ping@openssh.com";

export interface ExtInfo {
  readonly kind: "ext-info";
  readonly extensions: readonly Extension[];
}

export function buildExtInfo(extensions: readonly Extension[]): Buffer {
  return payload(
    MSG.EXT_INFO,
    u32(extensions.length),
    ...extensions.flatMap(({ name, value }) => [string(name), string(value)]),
  );
}

/** Never more extensions than fit into the payload. */
export function parseExtInfo(bytes: Buffer): ExtInfo | Malformed {
  const reader = new Reader(bytes, 1);
  const count = reader.u32();
  const extensions: Extension[] = [];
  while (extensions.length < count && !reader.truncated)
    extensions.push({ name: reader.text(), value: reader.text() });
  return complete(reader, MSG.EXT_INFO, { kind: "ext-info", extensions });
}

import type { ByteString } from "../model/bytes.ts";

/** What somebody who looks through a recording jumps to. Strangers' text, of which the beginning is kept. */
export interface Marker {
  /** Nanoseconds since the session's start. */
  readonly at: bigint;
  /** Of its entry, in plain bytes. */
  readonly offset: number;
  /** 0: of the session as a whole. */
  readonly channel: number;
  readonly kind: "login" | "channel" | "command" | "transfer" | "forward" | "network";
  readonly text: ByteString;
}

import type { ByteString } from "../model/bytes.ts";

/** One protocol, spoken with who connected. It is given bytes as they come and keeps little of them. */
export interface Conversation {
  take(chunk: Buffer): void;
}

/** What a conversation can do. */
export interface Replies {
  /** One character per byte. */
  send(text: string): void;
  /** Ends the connection when all is sent. */
  end(): void;
  /** The name that the other side spoke of. */
  named(name: ByteString): void;
  /** Goes on inside TLS, in a conversation that begins anew there. Undefined where it is inside already. */
  readonly startTls: (() => void) | undefined;
}

/** Who is never answered. */
export const SILENT: Conversation = { take: () => undefined };

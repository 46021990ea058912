import type { TransportEnd } from "./transport.ts";

/** The peer broke the protocol. `tell` is what it hears in a DISCONNECT; without it the connection just closes, as OpenSSH does mostly. */
export class ProtocolError extends Error {
  readonly tell: string | undefined;

  constructor(message: string, tell?: string) {
    super(message);
    this.name = "ProtocolError";
    this.tell = tell;
  }
}

/**
 * The connection ended before its first key exchange was done. `end` says how; "ended-by-us" means that the signal was aborted.
 */
export class TransportFailed extends Error {
  readonly end: TransportEnd;

  constructor(end: TransportEnd, cause?: unknown) {
    super(describe(end), cause === undefined ? undefined : { cause });
    this.name = "TransportFailed";
    this.end = end;
  }
}

function describe(end: TransportEnd): string {
  switch (end.kind) {
    case "closed":
      return "The other side closed the connection before the key exchange was done.";
    case "disconnect":
      return `The other side disconnected (reason ${end.code}) before the key exchange was done.`;
    case "protocol-error":
      return `The other side broke the protocol: ${end.message}.`;
    case "socket-error":
      return `The connection failed: ${end.error.message}.`;
    case "ended-by-us":
      return "The key exchange was aborted.";
    default:
      return end satisfies never;
  }
}

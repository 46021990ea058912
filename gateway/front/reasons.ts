import { toByteString } from "../model/bytes.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { SessionEnded } from "../model/entries.ts";
import { MitsubakoError } from "../model/errors.ts";
import { TransportFailed } from "../ssh/transport/failures.ts";
import type { TransportEnd } from "../ssh/transport/transport.ts";

/** Arguments of `Ending.end`. */
export type Reason = [reason: EndReason, more?: Omit<SessionEnded, "kind" | "reason">];

/** Why a session is over whose client's leg ended so. */
export function reasonOfEnd(end: TransportEnd): Reason {
  switch (end.kind) {
    case "disconnect":
      return [
        "client-closed",
        { disconnect: { code: end.code, description: toByteString(end.description) } },
      ];
    case "protocol-error":
      return ["protocol-error", { detail: end.message }];
    case "socket-error":
      return ["client-closed", { detail: end.error.message }];
    case "closed":
    case "ended-by-us":
      return ["client-closed"];
    default:
      return end satisfies never;
  }
}

/** Why a session is over that met this error. */
export function reasonFor(error: unknown): Reason {
  if (error instanceof TransportFailed) return reasonOfEnd(error.end);
  if (
    error instanceof MitsubakoError &&
    (error.code === "recording-failed" || error.code === "recording-full")
  )
    return [error.code, { detail: error.message }];
  return ["internal-error", { detail: error instanceof Error ? error.message : String(error) }];
}

import type { Origin } from "../model/entries.ts";
import type { Recording } from "./writer.ts";

/** What the relay calls for each payload before it passes it on. Both throw `recording-failed`, the first also `recording-full`. */
export interface RecordingTap {
  /** Takes a copy; the payload is the caller's again when this returns. */
  packet(from: Origin, payload: Buffer): void;
  /** After this, everything given is in the kernel's hands. */
  flush(): void;
}

/**
 * @param ordinalOf the session's channel that a payload belongs to, 0 for none. Called once for each payload, in order.
 */
export function createTap(
  recording: Recording,
  ordinalOf: (from: Origin, payload: Buffer) => number,
): RecordingTap {
  return {
    packet(from, payload) {
      recording.packet(from, ordinalOf(from, payload), payload);
    },
    flush() {
      recording.flush();
    },
  };
}

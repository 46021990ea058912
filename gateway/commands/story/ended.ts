import { escapeText } from "../../model/bytes.ts";
import type { EndReason } from "../../model/end-reason.ts";
import { bytes, span } from "../human.ts";
import type { SessionWhole } from "./whole.ts";

/** How it ended. */
export function ended({ evidence, recording, state, damage }: SessionWhole): string[] {
  const { duration, received, sent, endReason } = evidence.summary;
  const traffic = `${bytes(received)} from them, ${bytes(sent)} to them`;
  const lasted = span(Number(duration) / 1e9);
  if (recording.live) return [`It still lives: ${traffic} so far. Recording ${recording.path}`];
  const how =
    state === "damaged"
      ? `The recording is damaged: ${escapeText(damage?.reason ?? "")}`
      : endReason === undefined
        ? "Cut off: the gateway did not see its end"
        : `Ended after ${lasted}: ${END_WORDS[endReason]}`;
  const detail = evidence.observations.find((one) => one.kind === "session-ended")?.detail;
  return [
    `${how}${detail === undefined ? "" : ` (${escapeText(detail)})`}`,
    `  ${traffic}; recording ${recording.path}`,
  ];
}

export const END_WORDS = {
  "client-closed": "they closed the connection",
  "sandbox-closed": "the sandbox closed it, as after logout",
  "protocol-error": "what they sent was not SSH",
  "login-grace": "they took too long to log in",
  "too-many-attempts": "too many attempts",
  "refused-start": "refused, too many connections were starting",
  "no-sandbox": "no sandbox could be had",
  "session-deadline": "the session's time was over",
  "idle-deadline": "nothing came for too long",
  "sandbox-deadline": "the sandbox's time was over",
  flood: "they asked for too much at once",
  "recording-full": "its recording reached the policy's bound",
  "disk-floor": "the disk was nearly full, and their sandbox held most of it",
  "recording-failed": "it could not be recorded",
  "internal-error": "a defect of ours",
  drain: "the gateway was stopped",
} as const satisfies Record<EndReason, string>;

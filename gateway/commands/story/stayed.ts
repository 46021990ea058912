import { showable, type ByteString } from "../../model/bytes.ts";
import type { Change } from "../../model/capture.ts";
import { bytes } from "../human.ts";
import type { SessionWhole } from "./whole.ts";

const MOST_FILES = 200;

/** What they left in the sandbox. */
export function whatStayed({ stayed, evidence, recording }: SessionWhole): string[] {
  if (stayed === undefined)
    return evidence.summary.sandbox === undefined || recording.live
      ? []
      : ["What stayed", "  not known yet: the sandbox is captured when they leave it"];
  const files = stayed.changes.filter(({ type }) => type !== "directory");
  return [
    `What stayed in sandbox ${stayed.sandbox}, seen ${stayed.takenAt.slice(0, 19).replace("T", " ")} UTC`,
    ...files.slice(0, MOST_FILES).map((change) => `  ${changeLine(change)}`),
    ...(files.length > MOST_FILES
      ? [`  … ${files.length - MOST_FILES} more (mitsubako files --session ${recording.session})`]
      : []),
    ...(stayed.cut ? ["  … more changes than the policy lets be listed"] : []),
    ...(files.length === 0 ? ["  nothing new"] : []),
  ];
}

function changeLine(change: Change): string {
  const path = showable(change.path as ByteString);
  const link = change.linkTarget === undefined ? "" : ` → ${showable(change.linkTarget as ByteString)}`;
  const size = change.size === undefined || change.type !== "file" ? "" : `, ${bytes(change.size)}`;
  const kept =
    change.sha256 !== undefined
      ? `, sha256 ${change.sha256}`
      : change.leftOut === undefined
        ? ""
        : `, not kept: ${change.leftOut}`;
  return `${change.kind} ${path}${link}${size}${kept}`;
}

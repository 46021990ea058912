import { showable, type ByteString } from "../../model/bytes.ts";
import type { Change } from "../../model/capture.ts";
import { bytes } from "../human.ts";
import { someOf } from "./some.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** What they left in the sandbox. */
export function whatStayed({ stayed, evidence, recording }: SessionWhole, telling: Telling): string[] {
  if (stayed === undefined)
    return evidence.summary.sandbox === undefined || recording.live
      ? []
      : ["What stayed", "  not known yet: the sandbox is captured when they leave it"];
  // What is new first; copies that programs of accounts keep (`/etc/passwd-`) last.
  const rank = ({ kind, path }: Change) => (path.endsWith("-") ? 3 : "ACD".indexOf(kind));
  const files = stayed.changes
    .filter(({ type }) => type !== "directory")
    .toSorted((one, other) => rank(one) - rank(other));
  const kinds = { added: "A", changed: "C", deleted: "D" } as const;
  const counts = Object.entries(kinds).flatMap(([word, kind]) => {
    const number = files.filter((change) => change.kind === kind).length;
    return number === 0 ? [] : [`${number} ${word}`];
  });
  return [
    `What stayed in sandbox ${stayed.sandbox}, seen ${stayed.takenAt.slice(0, 19).replace("T", " ")} UTC`,
    `  ${counts.length === 0 ? "nothing new" : `files: ${counts.join(", ")}`}`,
    ...someOf(
      files.map((change) => `  ${changeLine(change, telling)}`),
      telling,
      { short: 6, full: 1000 },
      (more) => `… ${more} more (mitsubako files --session ${recording.session})`,
    ),
    ...(stayed.cut ? ["  … more changes than the policy lets be listed"] : []),
  ];
}

function changeLine(change: Change, { full }: Telling): string {
  const path = showable(change.path as ByteString);
  const link = change.linkTarget === undefined ? "" : ` → ${showable(change.linkTarget as ByteString)}`;
  const size = change.size === undefined || change.type !== "file" ? "" : `, ${bytes(change.size)}`;
  const kept =
    change.sha256 !== undefined
      ? `, sha256 ${full ? change.sha256 : change.sha256.slice(0, 12)}`
      : change.leftOut === undefined
        ? ""
        : `, not kept: ${change.leftOut}`;
  return `${change.kind} ${path}${link}${size}${kept}`;
}

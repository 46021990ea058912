import type { FileFact } from "../../model/file-facts.ts";
import { showable } from "../../model/bytes.ts";
import { bytes } from "../human.ts";
import { someOf } from "./some.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** What was run or deleted in the sandbox before it was captured: each content at each path once, as it was seen last. */
export function witnessed({ evidence, unattended, recording }: SessionWhole, telling: Telling): string[] {
  const facts: FileFact[] = evidence.observations.filter((one) => one.kind === "file");
  for (const { fact } of unattended) if (fact.kind === "file") facts.push(fact);
  const files = new Map<string, FileFact>();
  for (const fact of facts) files.set(`${fact.sha256 ?? `${fact.size} `} ${fact.path}`, fact);
  if (files.size === 0) return [];
  return [
    "Files that were run or deleted",
    ...someOf(
      [...files.values()].map((fact) => `  ${line(fact, telling)}`),
      telling,
      { short: 6, full: 1000 },
      (more) => `… ${more} more (mitsubako files --session ${recording.session})`,
    ),
  ];
}

function line({ how, path, size, sha256, leftOut }: FileFact, { full }: Telling): string {
  const kept =
    sha256 !== undefined
      ? `, sha256 ${full ? sha256 : sha256.slice(0, 12)}`
      : `, not kept (${leftOut ?? "unreadable"})`;
  return `${how} ${showable(path)}, ${bytes(size)}${kept}`;
}

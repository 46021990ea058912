import type { Belongings, Holding } from "../index/link-about.ts";
import { LINK_RULES, type Reason } from "../index/link-rules.ts";
import type { Links } from "../index/links.ts";
import { escapeText, showable } from "../model/bytes.ts";
import { absoluteTime, count, cut } from "./human.ts";
import type { Linked } from "./linked.ts";

const MOST_NAMED = 5;

/** What belongs together as a person reads it; every stranger's string is escaped. */
export function linksAsText({ about, value, own, links, holdings }: Linked, limit: number): string {
  const lines = [
    `${about === "file" ? "File" : about === "key" ? "Key" : about === "source" ? "Source" : "Session"} ${escapeText(value)}`,
  ];
  if (own !== undefined) lines.push(...ownLines(own));
  if (links !== undefined) lines.push(...linkLines(links, limit));
  if (holdings !== undefined) lines.push(...holdingLines(holdings, limit));
  return `${lines.join("\n")}\n`;
}

function ownLines({ sessions, first, last, sandboxes, logins, artifacts, keys }: Belongings): string[] {
  const named = (label: string, things: readonly string[]) =>
    things.length === 0
      ? []
      : [
          `  ${label.padEnd(10)}${things.slice(0, MOST_NAMED).join(", ")}${things.length > MOST_NAMED ? ", …" : ""}`,
        ];
  return [
    ...(sessions > 1
      ? [`  ${count(sessions, "session")}, ${absoluteTime(first)} to ${absoluteTime(last)} UTC`]
      : []),
    ...named("sandboxes", sandboxes.map(escapeText)),
    ...named(
      "got in as",
      logins.map(
        ({ user, password }) =>
          `${cut(showable(user), 40)}${password === undefined ? "" : ` / ${cut(showable(password), 40)}`}`,
      ),
    ),
    ...named(
      "files",
      artifacts.map(({ sha256, path }) => `${cut(showable(path), 60)} (${sha256.slice(0, 12)})`),
    ),
    ...named("keys", keys.map(escapeText)),
  ];
}

function linkLines({ links, common }: Links, limit: number): string[] {
  const lines = links
    .slice(0, limit)
    .flatMap(({ source, strength, reasons }) => [
      "",
      `${escapeText(source)}, ${strength}`,
      ...[...Map.groupBy(reasons, ({ kind }) => kind)].map(
        ([kind, ofKind]) => `  ${LINK_RULES[kind].says}: ${ofKind.map(reasonText).join("; ")}`,
      ),
    ]);
  if (links.length === 0) lines.push("", "Nothing that few others have links it to another source.");
  if (links.length > limit) lines.push("", `… ${links.length - limit} more sources (--limit, --json)`);
  if (common > 0)
    lines.push(
      "",
      `${count(common, "value")} of theirs ${common === 1 ? "is" : "are"} too common to say anything.`,
    );
  return lines;
}

function reasonText({ value, sources, ours, theirs }: Reason): string {
  const shown = /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : cut(showable(value), 100);
  return `${shown} (${sources > 2 ? `${sources} sources; ` : ""}here ${ours}, there ${theirs})`;
}

function holdingLines(holdings: readonly Holding[], limit: number): string[] {
  const sources = new Set(holdings.map(({ source }) => source)).size;
  return [
    `  ${count(holdings.length, "session")} of ${count(sources, "source")}, the earliest first`,
    ...holdings
      .toSorted((one, other) => one.started - other.started)
      .slice(0, limit)
      .map(
        ({ source, session, started, how, path }) =>
          `  ${absoluteTime(started)}  ${session}  ${escapeText(source)}  ${how}${path === undefined ? "" : ` ${cut(showable(path), 100)}`}`,
      ),
    ...(holdings.length > limit ? [`  … ${holdings.length - limit} more (--limit, --json)`] : []),
  ];
}

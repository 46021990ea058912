import { asText, escapeText, type ByteString } from "../../../model/bytes.ts";
import { ourId, type StixId } from "./ids.ts";
import { signOf } from "./signs.ts";
import type { Made, StixObject } from "./stix-object.ts";
import type { StixSession } from "./stix-session.ts";

/** What was found in a session that STIX has no observable for: wallets, keys, crontabs, units and the like, one a line. */
export function noteOf(
  { session, indicators }: StixSession,
  observed: StixId,
  made: Made,
): StixObject | undefined {
  const others = indicators.filter((one) => signOf(one) === undefined);
  if (others.length === 0) return undefined;
  const lines = others.slice(0, MOST_LINES).map(({ kind, value, details = {} }) => {
    const told = Object.entries(details)
      .filter(([name]) => TOLD.has(name))
      .map(([name, text]) => `${name} ${shown(text)}`);
    // The password is for whoever has the recording.
    const safe = kind === "password-changed" ? (details["account"] ?? value) : value;
    return `${kind}: ${shown(safe)}${told.length === 0 ? "" : ` (${told.join(", ")})`}`;
  });
  return {
    type: "note",
    spec_version: "2.1",
    id: ourId("note", observed),
    ...made,
    abstract: `What else session ${session} left`,
    content: lines.join("\n"),
    object_refs: [observed],
  };
}

function shown(text: ByteString): string {
  return escapeText(asText(text));
}

const TOLD: ReadonlySet<string> = new Set(["type", "comment", "coin", "file", "path", "exec", "what"]);
const MOST_LINES = 500;

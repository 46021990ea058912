import { INDICATOR_KINDS } from "../evidence/indicators/indicator.ts";
import { addressRange, type AddressRange } from "../index/address.ts";
import type { SessionFilter, TextCondition } from "../index/filter.ts";
import { SHORTEST_PART } from "../index/parts.ts";
import { SEARCHED, stored, type TextKind } from "../index/texts.ts";
import { escapeText, toByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { FilterOptions } from "./filter-options.ts";
import { parseLimit, parseSpan, parseTime } from "./human.ts";

/** What the options of a filter mean. @param words that are looked for in everything. Throws `bad-usage`, naming the option. */
export function parseFilter(
  options: FilterOptions,
  now: number,
  words: readonly string[] = [],
): SessionFilter & { readonly texts: readonly TextCondition[]; readonly limit: number } {
  const { since, until, source, user, password, minDuration, limit = "50" } = options;
  if (options.loggedIn && options.failed)
    throw bad("--logged-in and --failed leave nobody.", "Give one of them.");
  const from = since === undefined ? undefined : parseTime(since, now, "--since", "first");
  const to = until === undefined ? undefined : parseTime(until, now, "--until", "last");
  if (from !== undefined && to !== undefined && from > to)
    throw bad(
      `--since ${escapeText(since ?? "")} is after --until ${escapeText(until ?? "")}.`,
      "Give the earlier time to --since.",
    );
  const conditions = {
    source: source !== undefined && isPattern(source) ? globOf("source", source.toLowerCase()) : undefined,
    user: user === undefined ? undefined : wholeOrGlob("user", user),
    password: password === undefined ? undefined : wholeOrGlob("password", password),
    persona: options.persona === undefined ? undefined : wholeOrGlob("persona", options.persona),
    command: options.command === undefined ? undefined : part("--command", ["command"], options.command),
    file: options.file === undefined ? undefined : fileCondition(options.file),
    indicator: options.indicator === undefined ? undefined : indicatorCondition(options.indicator),
    client: options.client === undefined ? undefined : partOrGlob("client", options.client),
    forward: options.forward === undefined ? undefined : partOrGlob("forward", options.forward),
    sha256: options.sha256 === undefined ? undefined : beginning("sha256", options.sha256, 6, 64),
    hassh: options.hassh === undefined ? undefined : beginning("hassh", options.hassh, 6, 32),
    sandbox: options.sandbox === undefined ? undefined : beginning("sandbox", options.sandbox, 3, 12),
  };
  return {
    since: from,
    until: to,
    source: source === undefined || isPattern(source) ? undefined : rangeOf(source),
    texts: [
      ...words.map((word) => part("", SEARCHED, word)),
      ...Object.values(conditions).filter((one) => one !== undefined),
    ],
    ...(conditions.user && conditions.password
      ? { credential: { user: conditions.user, password: conditions.password } }
      : {}),
    loggedIn: options.loggedIn ? true : options.failed ? false : undefined,
    live: options.live,
    profile: options.profile,
    typist: options.typist === undefined ? undefined : typistOf(options.typist),
    minDuration: minDuration === undefined ? undefined : durationOf(minDuration),
    limit: parseLimit(limit),
  };
}

/** What an operator types is UTF-8; what is kept is bytes. */
function bytesOf(text: string): string {
  return stored(toByteString(Buffer.from(text, "utf8")));
}

function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** Only `*` and `?` mean something to those who type it. */
function globOf(kind: TextKind, text: string): TextCondition {
  return { kinds: [kind], how: "glob", value: bytesOf(text).replaceAll("[", "[[]").replace(/\*+/g, "*") };
}

function wholeOrGlob(kind: TextKind, text: string): TextCondition {
  return isPattern(text) ? globOf(kind, text) : { kinds: [kind], how: "is", value: bytesOf(text) };
}

function partOrGlob(kind: TextKind, text: string): TextCondition {
  return isPattern(text) ? globOf(kind, text) : part(`--${kind}`, [kind], text);
}

/** An indicator of any kind. */
export function indicatorCondition(text: string): TextCondition {
  return { ...wholeOrGlob("url", text), kinds: INDICATOR_KINDS };
}

/** A pattern without a folder is one for a name in any. */
function fileCondition(text: string): TextCondition {
  const condition = partOrGlob("file", text);
  return condition.how === "glob" && !text.includes("/") ? { ...condition, how: "name" } : condition;
}

function part(option: string, kinds: readonly TextKind[], text: string): TextCondition {
  const value = bytesOf(text);
  if (value.length < SHORTEST_PART)
    throw bad(
      `${option} "${escapeText(text)}" is too short to look for.`.trimStart(),
      "Write two characters or more.",
    );
  return { kinds, how: "part", value };
}

function beginning(kind: TextKind, text: string, least: number, whole: number): TextCondition {
  const value = text.toLowerCase();
  if (!/^[0-9a-f]+$/.test(value) || value.length < least || value.length > whole)
    throw bad(`--${kind} ${escapeText(text)} is none.`, `Write ${least} to ${whole} hexadecimal characters.`);
  return { kinds: [kind], how: value.length === whole ? "is" : "begins", value };
}

function rangeOf(text: string): AddressRange {
  const range = addressRange(text);
  if (range === undefined)
    throw bad(
      `--source ${escapeText(text)} is neither an address nor a network nor a pattern.`,
      "Write 203.0.113.7, 203.0.113.0/24, 2001:db8::/32 or 203.0.113.*.",
    );
  return range;
}

function typistOf(text: string): "human" | "machine" {
  if (text === "human" || text === "machine") return text;
  throw bad(`--typist ${escapeText(text)} is nobody that is told apart.`, "Write human or machine.");
}

function durationOf(text: string): number {
  const seconds = parseSpan(text, true);
  if (seconds === undefined)
    throw bad(`--min-duration ${escapeText(text)} is no length of time.`, "Write 90s, 5m or 1h.");
  return seconds * 1e6;
}

function bad(message: string, remedy: string): MitsubakoError {
  return new MitsubakoError("bad-usage", message, { remedy });
}

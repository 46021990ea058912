import { isIP } from "node:net";
import { addressKey } from "../index/address.ts";
import { findRecordings } from "../index/find-recording.ts";
import { belongingsOf, holdingsOfFile, holdingsOfKey, plantingsOfKey } from "../index/link-about.ts";
import { sessionsOf, textId } from "../index/link-own.ts";
import { linksOf } from "../index/links.ts";
import type { IndexReader } from "../index/query.ts";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { parseLimit, TERMINAL } from "./human.ts";
import { openIndex } from "./open-index.ts";
import type { Linked } from "./linked.ts";
import { linksAsText } from "./links-text.ts";

export interface LinksOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly limit?: string;
}

/** `mitsubako links SESSION|SOURCE|SHA256|KEY`: what belongs together, and why. Throws `not-found` and `bad-usage`. */
export async function linksCommand(about: string, options: LinksOptions, output = TERMINAL): Promise<number> {
  const limit = parseLimit(options.limit ?? "20");
  using index = await openIndex(options.data, output);
  const linked = ask(index, options.data, about);
  output.stdout.write(
    options.json === true ? `${jsonText(jsonOf(linked, limit))}\n` : linksAsText(linked, limit),
  );
  return 0;
}

function ask(index: IndexReader, dataFolder: string, about: string): Linked {
  if (isIP(about) !== 0) return ofSource(index, about);
  if (/^(?:SHA256:[A-Za-z0-9+/]{43}=?|(?:MD5:)?[0-9a-f]{2}(?::[0-9a-f]{2}){15})$/.test(about))
    return ofKey(index, about.replace(/^MD5:|=$/g, ""));
  if (/^[0-9a-f]{13,64}$/.test(about)) return ofFile(index, about);
  if (/^[0-9a-f]{1,12}$/.test(about)) return ofSession(index, dataFolder, about);
  throw new MitsubakoError("bad-usage", `${escapeText(about)} is none of what can be linked.`, {
    remedy: "Write a session's id, an address, a file's SHA-256 or a key's fingerprint (SHA256:…).",
  });
}

function ofSource(index: IndexReader, source: string): Linked {
  const key = addressKey(source);
  const sessions = key === undefined ? [] : sessionsOf(index.ask, key);
  if (sessions.length === 0) throw nothing(`Nobody came from ${source}.`);
  const links = linksOf(index.ask, sessions, source);
  return { about: "source", value: source, own: belongingsOf(index.ask, sessions), links };
}

function ofSession(index: IndexReader, dataFolder: string, idOrPrefix: string): Linked {
  const [found, ...others] = findRecordings(dataFolder, idOrPrefix);
  const row = found === undefined ? undefined : index.session(found.session);
  if (row === undefined) throw nothing(`There is no session ${idOrPrefix} in the index.`);
  if (others.length > 0) throw nothing(`${others.length + 1} sessions begin with ${idOrPrefix}.`);
  const links = linksOf(index.ask, [row.id], row.sourceAddress);
  return { about: "session", value: row.id, own: belongingsOf(index.ask, [row.id]), links };
}

function ofFile(index: IndexReader, sha256: string): Linked {
  const holdings = holdingsOfFile(index.ask, sha256);
  if (holdings.length === 0) throw nothing(`Nobody had a file with the SHA-256 ${sha256}.`);
  return { about: "file", value: sha256, holdings };
}

function ofKey(index: IndexReader, fingerprint: string): Linked {
  const [shown, planted] = [textId(index.ask, "key", fingerprint), textId(index.ask, "ssh-key", fingerprint)];
  const holdings = [
    ...(planted === undefined ? [] : plantingsOfKey(index.ask, planted)),
    ...(shown === undefined ? [] : holdingsOfKey(index.ask, shown, fingerprint)),
  ];
  if (holdings.length === 0) throw nothing(`Nobody had a key with the fingerprint ${fingerprint}.`);
  return { about: "key", value: fingerprint, holdings };
}

function jsonOf({ about, value, own, links, holdings }: Linked, limit: number): unknown {
  return asJson({
    about,
    id: value,
    ...(own === undefined
      ? {}
      : { own: { ...own, first: showMicros(own.first), last: showMicros(own.last) } }),
    ...(links === undefined ? {} : { links: links.links.slice(0, limit), common: links.common }),
    ...(holdings === undefined
      ? {}
      : { holdings: holdings.map((one) => ({ ...one, started: showMicros(one.started) })) }),
  });
}

function nothing(message: string): MitsubakoError {
  return new MitsubakoError("not-found", message, {
    remedy: "`mitsubako sessions` lists who came.",
  });
}

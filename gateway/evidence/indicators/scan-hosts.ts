import { hostIndicator, hostPortOf, looksLikeFile } from "./domain.ts";
import { isPublicAddress } from "./address.ts";
import type { Found } from "./indicator.ts";

/**
 * Addresses and names that stand in a text as hosts do: an IPv4 address between white space, quotes, brackets, `=`, `,`, `@`, `//`; a
 * name with a port, after `user@`, or in `/dev/tcp/NAME/PORT`. Four numbers in a version, a network (`/24`) or a longer word are none,
 * and a bare name is none: `install.sh` and `file.name` look like it. Linear in the text.
 *
 * @param how `lone`: the text was cut out of a program, where an address counts only with a port or alone.
 */
export function hostsIn(text: string, how: "code" | "lone"): Found[] {
  const found: Found[] = [];
  for (const { 0: address, index } of text.matchAll(/(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])/g)) {
    if (!isPublicAddress(address)) continue;
    const end = index + address.length;
    if (how === "lone" && !(/^:\d{1,5}(?!\d)/.test(text.slice(end, end + 7)) || address === text)) continue;
    if (standsAsHost(text, index, end)) found.push({ kind: "address", value: address as Found["value"] });
  }
  for (const { groups = {} } of text.matchAll(NAMED)) {
    const { port, device, account } = groups;
    const place = hostPortOf(port ?? device ?? account ?? "");
    if (place === undefined || (port !== undefined && looksLikeFile(place.host))) continue;
    const host = hostIndicator(place.host);
    if (host !== undefined) found.push(host);
  }
  return found;
}

function standsAsHost(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 16), start);
  const after = text.slice(end, end + 7);
  if (!/^$|[\s"'`([{,;=@|<>]$|\/\/$|\/(?:tcp|udp)\/$/.test(before) || before.endsWith("==")) return false;
  if (/(?:^|[^a-z])(?:v|ver|version|release|build|rev)["']?\s?[:=]?\s?["']?$/i.test(before)) return false;
  return /^$|^[\s"'`)\]},;|&<>$\\]|^:\d|^\.(?:$|\s)|^\/(?!\d{1,2}(?:\D|$))|^\/32(?:\D|$)/.test(after);
}

/** Names are looked for where something says that they are: what stands there is at most 253 characters long. */
const NAMED = new RegExp(
  [
    /(?<![\w.:/@-])(?<port>[a-z0-9][a-z0-9.-]{2,252}:\d{1,5})(?![\w:.])/,
    /\/dev\/(?:tcp|udp)\/(?<device>[a-z0-9.-]{1,253})\/\d/,
    /(?<![\w.-])[a-z_][\w.-]{0,31}@(?<account>[a-z0-9][a-z0-9.-]{2,252})(?=$|[\s"':;|&)])/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gi",
);

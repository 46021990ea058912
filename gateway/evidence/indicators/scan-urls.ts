import type { ByteString } from "../../model/bytes.ts";
import { hostIndicator, hostPortOf } from "./domain.ts";
import { LONGEST_VALUE, type Found } from "./indicator.ts";

/**
 * Absolute URLs in a text, with their hosts, and pools of miners (`stratum+tcp://`). A URL ends at white space, a quote, an angle
 * bracket or a control character, in code also where a command would; what closes a sentence or a bracket is not its
 * own. URLs whose host is a variable, a name without a dot or not public are none. Linear in the text.
 */
export function urlsIn(text: string): Found[] {
  const found: Found[] = [];
  for (
    let at = text.indexOf("://"), next = at + 3;
    at !== -1;
    at = text.indexOf("://", next), next = at + 3
  ) {
    const scheme = /[a-z][a-z0-9+]{1,15}$/i.exec(text.slice(Math.max(0, at - 16), at))?.[0].toLowerCase();
    if (scheme === undefined) continue;
    const start = at - scheme.length;
    const rest = text.slice(at + 3, at + 3 + LONGEST_VALUE + 1);
    const [written = ""] = (QUOTES.includes(text[start - 1] ?? " ") ? IN_QUOTES : IN_CODE).exec(rest) ?? [];
    if (written.length + scheme.length + 3 > LONGEST_VALUE) continue;
    const isWhole = !"$`{\\".includes(rest[written.length] ?? " ");
    const [one = ""] = written.split(/,(?=[a-z][a-z0-9+]{1,15}:\/\/)/i);
    next += one.length;
    const told = urlIndicators(scheme, trimmed(one));
    // Of one that goes on with a variable only the host is known.
    found.push(...(isWhole || one !== written ? told : told.filter(({ kind }) => kind !== "url")));
  }
  return found;
}

/** A text that is one URL. */
export function wholeUrl(url: string): Found[] {
  const scheme = url.slice(0, url.indexOf("://"));
  return url.length > LONGEST_VALUE ? [] : urlIndicators(scheme.toLowerCase(), url.slice(scheme.length + 3));
}

/** @param rest what follows `scheme://`. */
export function urlIndicators(scheme: string, rest: string): Found[] {
  const [authority = ""] = /^[^/?#]*/.exec(rest) ?? [];
  const place = hostPortOf(authority.slice(authority.lastIndexOf("@") + 1));
  if (place === undefined || !isOutside(place.host)) return [];
  const host = hostIndicator(place.host);
  const hosts = host === undefined ? [] : [host];
  if (/^(?:stratum2?|daemon)\+(?:tcp|ssl|tls|tcps)$|^stratum$/.test(scheme))
    return [
      { kind: "pool", value: authority.slice(authority.lastIndexOf("@") + 1).toLowerCase() as ByteString },
      ...hosts,
    ];
  if (!SCHEMES.has(scheme)) return [];
  const cased = authority.replace(/[^@]*$/, (hostPort) => hostPort.toLowerCase());
  return [
    { kind: "url", value: `${scheme}://${cased}${rest.slice(authority.length)}` as ByteString },
    ...hosts,
  ];
}

/** A public address, or a name with a dot that is nobody's machine of its own. */
function isOutside(host: string): boolean {
  if (/^[\d.]+$|:/.test(host)) return hostIndicator(host) !== undefined;
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(host)) return false;
  return !/\.(?:debian\.org|localhost|localdomain|local|internal)$/.test(`.${host}`);
}

/** What ends a sentence or a bracket that was opened before the URL. */
function trimmed(url: string): string {
  let end = url.length;
  while (end > 0) {
    const last = url[end - 1] ?? "";
    if (".,:!?".includes(last)) end--;
    else if (last === ")" && !url.slice(0, end).includes("(")) end--;
    else if (last === "]" && !url.slice(0, end).includes("[")) end--;
    else break;
  }
  return url.slice(0, end);
}

const SCHEMES: ReadonlySet<string> = new Set(
  "http https ftp ftps sftp tftp scp rsync git ssh telnet ws wss ldap ldaps rmi tcp udp socks4 socks5 irc ircs".split(
    " ",
  ),
);
const QUOTES = "'\"`";
const IN_QUOTES = /^[!#-&(-;=?-_a-z{|}~\x80-\xff]+/;
/** Without the characters that end a word or a command: `"$&'();<>\`{|}` and backquote. */
const IN_CODE = /^[!#%*-:=?-[\]-_a-z~\x80-\xff]+(?:&[\w%.-]+=[!#%*-:=?-[\]-_a-z~\x80-\xff]*)*/;

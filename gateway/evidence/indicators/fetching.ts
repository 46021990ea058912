import type { SimpleCommand } from "../simple-commands.ts";
import { hostIndicator, hostPortOf, looksLikeFile } from "./domain.ts";
import type { Found } from "./indicator.ts";
import { urlIndicators } from "./scan-urls.ts";
import { plainOperands, verbOf } from "./verb.ts";

/**
 * Hosts that a command names to a program of the network, where no scheme says so: `wget 203.0.113.7/x.sh` (a URL: both `wget` and `curl`
 * take HTTP then), `tftp -g -r x 203.0.113.7`, `ping c2.example.com`, `nc 203.0.113.7 4444`. Also names that a variable is given.
 */
export function hostsOf(command: SimpleCommand): Found[] {
  const found = command.assignments.flatMap(({ value }) => assigned(value));
  const { name, operands } = verbOf(command.words);
  if (name === "export" || name === "declare")
    found.push(...operands.flatMap((word) => assigned(word.slice(word.indexOf("=") + 1))));
  const valued = VALUED[name];
  if (valued === undefined) return found;
  for (const word of plainOperands(operands, valued)) {
    if (word.includes("://") || /[$`*{]/.test(word)) continue;
    if (name === "wget" || name === "curl") found.push(...fetched(word));
    else found.push(...named(word.replace(/^@|^[\w.-]{1,32}@/, "")));
  }
  return found;
}

function assigned(value: string): Found[] {
  const place = hostPortOf(value);
  if (place === undefined || looksLikeFile(place.host)) return [];
  const host = hostIndicator(place.host);
  return host === undefined ? [] : [host];
}

function fetched(word: string): Found[] {
  const [authority = ""] = /^[^/?#]*/.exec(word) ?? [];
  const place = hostPortOf(authority.replace(/^[^@]*@/, ""));
  if (place === undefined || hostIndicator(place.host) === undefined) return [];
  if (authority === word && looksLikeFile(place.host)) return [];
  return urlIndicators("http", word);
}

/** `host`, `host:port`, `host:path` as scp has it, `host/24` of a scanner (none). */
function named(word: string): Found[] {
  const [before = ""] = /^(?:\[[^\]]*\]|[^:/,]*)/.exec(word) ?? [];
  const bare = hostPortOf(word)?.host ?? (/^[^/]*\/\d{1,2}$/.test(word) ? "" : before);
  const host = hostIndicator(word.includes("::") ? word : bare.replace(/^\[|\]$/g, ""));
  if (host?.kind === "domain" && looksLikeFile(host.value) && bare === word) return [];
  return host === undefined ? [] : [host];
}

/** Programs that are given a host, with their short options that take a value. */
const VALUED: Readonly<Record<string, string>> = {
  wget: "OoaeiPUTtwQlABDIXR",
  curl: "odHAeuxXTFbcmrKCDPQwyYzE",
  ftpget: "upP",
  ftpput: "upP",
  tftp: "rlbmRc",
  ftp: "pPo",
  ping: "cIiWwstMpQlS",
  ping6: "cIiWwstMpQlS",
  nslookup: "",
  dig: "btpqxyckf",
  host: "ctRWm",
  ssh: "bcDEeFIiJLlmOopQRSWw",
  scp: "cFiJloPSXD",
  sftp: "BbcDFilJoPRSXs",
  nc: "epswqiXxIOTVMmC",
  ncat: "epswqiXxcgGdDo",
  netcat: "epswqiXx",
  telnet: "elnSX",
  traceroute: "fgimNpqstwzM",
  tracepath: "mlp",
  whois: "hp",
};

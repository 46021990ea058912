import type { ByteString } from "../../model/bytes.ts";
import { changed } from "./accounts.ts";
import type { Found } from "./indicator.ts";
import { accountOfPath } from "./persistence-paths.ts";
import { written } from "./planting.ts";
import { hostsIn } from "./scan-hosts.ts";
import { poolsIn, scanText } from "./scan-text.ts";
import { urlsIn } from "./scan-urls.ts";
import { isText } from "./shell-text.ts";
import { sshKeysIn } from "./ssh-keys.ts";
import { walletsIn } from "./wallets.ts";

/** Bytes of a file's beginning that are looked at. */
export const MOST_CONTENT = 4 * 1024 * 1024;

/** What the content of a file tells that lies at this path: a text as any text, a program by the strings in it. */
export function contentIndicators(path: string, content: Buffer): Found[] {
  if (path === "/etc/passwd") return rootsIn(content.toString("latin1"));
  if (path === "/etc/shadow") return changedRoot(content.toString("latin1"));
  const text = content.toString("latin1");
  if (text.startsWith("\x7fELF")) return [...written(path, ""), ...stringsOf(text)];
  if (/\/known_hosts2?(?:\.old)?$/.test(path)) return [];
  return [
    // A control character in a crontab keeps no line of it from being run.
    ...written(path, text),
    ...(isText(text) ? scanText(text) : stringsOf(text)),
    ...sshKeysIn(text, { account: accountOfPath(path), file: path }),
  ];
}

/** Of what a compiler leaves in a program: strings of six characters and more. */
function stringsOf(text: string): Found[] {
  const found: Found[] = [];
  for (const [run] of text.matchAll(/[\x20-\x7e]{6,}/g)) {
    if (found.length >= MOST_OF_A_PROGRAM) break;
    for (let at = 0; at < run.length; at += LONGEST_STRING) {
      const piece = run.slice(at, at + LONGEST_STRING);
      const wallets = walletsIn(piece);
      found.push(
        ...urlsIn(piece).filter(({ kind, value }) => kind === "pool" || !isOfLibraries(value)),
        ...hostsIn(piece, "lone").filter(({ value }) => !isOfLibraries(value)),
        ...wallets,
        ...(wallets.length > 0 ? poolsIn(piece) : []),
      );
    }
  }
  return found;
}

/** What stands in every program that was linked with such a library, or that reads XML. */
function isOfLibraries(value: string): boolean {
  return /^(?:[a-z]+:\/\/)?(?:[\w.-]+\.)?(?:w3\.org|translationproject\.org|xmlsoap\.org|gnu\.org|openssl\.org|curl\.(?:se|haxx\.se)|kernel\.org|sourceware\.org|launchpad\.net|python\.org|golang\.org|go\.dev|rust-lang\.org|apache\.org|mozilla\.org|llvm\.org|zlib\.net|busybox\.net|musl-libc\.org|uclibc\.org|upx\.sf\.net|upx\.github\.io|ietf\.org|iana\.org|unicode\.org|opensource\.org|microsoft\.com|systemd\.io|freedesktop\.org)(?:[:/]|$)/.test(
    value,
  );
}

/** Accounts with all rights beside root. */
function rootsIn(passwd: string): Found[] {
  return passwd.split("\n").flatMap((line): Found[] => {
    const [name = "", , uid] = line.split(":", 7);
    if (uid !== "0" || name === "root" || !/^[\w.-]{1,32}$/.test(name)) return [];
    return [
      { kind: "user-made", value: name as ByteString, details: { line: line.slice(0, 500) as ByteString } },
    ];
  });
}

/** root's password, where its day is later than the system's: that of the accounts that nobody can log in to. */
function changedRoot(shadow: string): Found[] {
  const lines = shadow.split("\n").map((line) => line.split(":", 4));
  const days = lines.filter(([, hash = ""]) => /^[*!]+$/.test(hash)).map(([, , day]) => Number(day));
  const root = lines.find(([name]) => name === "root");
  const [, hash = "", day] = root ?? [];
  if (days.length === 0 || !hash.startsWith("$") || !(Number(day) > days.reduce((a, b) => Math.max(a, b), 0)))
    return [];
  return [changed("root", undefined, "hash", hash)];
}

const LONGEST_STRING = 4096;
const MOST_OF_A_PROGRAM = 2000;

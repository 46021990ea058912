/**
 * The account files of a Debian system, edited as `adduser` and `passwd` of Debian 12 do. Pure; contents are bytes (one
 * character each), because an attacker may have written into them what is not text.
 */
import type { ByteString } from "../model/bytes.ts";

export interface AccountFiles {
  readonly passwd: ByteString;
  readonly shadow: ByteString;
  readonly group: ByteString;
  readonly gshadow: ByteString;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  /** Whether any password could let it in. */
  readonly hasPassword: boolean;
}

/** As login.defs has it: UID_MIN, UID_MAX. */
const FIRST_UID = 1000;
const LAST_UID = 59_999;

/** The first line of that name, as getpwnam(3) finds it. */
export function findAccount(files: AccountFiles, name: string): Account | undefined {
  const fields = lineOf(files.passwd, name);
  if (fields === undefined) return undefined;
  const [, password = "", uid, gid, , home = "", shell = ""] = fields;
  const hash = password === "x" ? (lineOf(files.shadow, name)?.[1] ?? "*") : password;
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    home: home === "" ? "/" : home,
    shell: shell === "" ? "/bin/sh" : shell,
    hasPassword: isHash(hash),
  };
}

/**
 * A new account with a group of its own. `hash` is the shadow field, `day` the date of the password's last change in
 * days since 1970. `sudo`: a member of the group sudo, if there is one.
 * @throws RangeError when every uid is taken.
 */
export function addAccount(
  files: AccountFiles,
  { name, hash, day, sudo }: { name: string; hash: string; day: number; sudo: boolean },
): { readonly files: AccountFiles; readonly account: Account } {
  const id = nextId(files);
  const home = `/home/${name}`;
  const shell = "/bin/bash";
  // adduser of Debian 12 puts everybody into `users`.
  const groups = sudo ? ["users", "sudo"] : ["users"];
  const memberships = (text: ByteString) =>
    groups.reduce<ByteString>((left, group) => withMember(left, group, name), text);
  return {
    account: { name, uid: id, gid: id, home, shell, hasPassword: true },
    files: {
      passwd: withLine(files.passwd, `${name}:x:${id}:${id}:,,,:${home}:${shell}`),
      shadow: withLine(files.shadow, `${name}:${hash}:${day}:0:99999:7:::`),
      group: withLine(memberships(files.group), `${name}:x:${id}:`),
      gshadow: withLine(memberships(files.gshadow), `${name}:!::`),
    },
  };
}

/**
 * Gives an account that no password lets in (root of a new server, a service's) one. A service's account also gets a shell, as
 * whoever gave it a password would have done.
 */
export function setPassword(
  files: AccountFiles,
  { name, hash, day }: { name: string; hash: string; day: number },
): AccountFiles {
  const passwd = mapLine(files.passwd, name, ([, , uid = "", gid = "", gecos = "", home = "", shell = ""]) =>
    [name, "x", uid, gid, gecos, home, /\/(?:nologin|false)$/.test(shell) ? "/bin/bash" : shell].join(":"),
  );
  const known = lineOf(files.shadow, name) !== undefined;
  const shadow = known
    ? mapLine(files.shadow, name, ([, , , ...rest]) => [name, hash, day, ...rest].join(":"))
    : withLine(files.shadow, `${name}:${hash}:${day}:0:99999:7:::`);
  return { ...files, passwd, shadow };
}

/** `*`, `!`, `!*` and a hash that was locked with `!` let nobody in; an empty field is no password to check. */
function isHash(field: string): boolean {
  return field !== "" && !/^[*!]/.test(field) && field !== "x";
}

function nextId(files: AccountFiles): number {
  const taken = new Set([...numbersIn(files.passwd), ...numbersIn(files.group)]);
  // useradd takes one more than the highest in use, and looks for gaps only when that is over the top.
  const highest = Math.max(FIRST_UID - 1, ...[...taken].filter((id) => id >= FIRST_UID && id <= LAST_UID));
  if (highest < LAST_UID) return highest + 1;
  for (let id = FIRST_UID; id <= LAST_UID; id++) if (!taken.has(id)) return id;
  throw new RangeError("every uid for users is taken");
}

/** The third field of each line: uids of passwd, gids of group. */
function numbersIn(text: ByteString): number[] {
  return text
    .split("\n")
    .map((line) => line.split(":")[2] ?? "")
    .filter((field) => /^\d{1,10}$/.test(field))
    .map(Number);
}

function lineOf(text: ByteString, name: string): string[] | undefined {
  return text
    .split("\n")
    .find((line) => line.startsWith(`${name}:`))
    ?.split(":");
}

function mapLine(text: ByteString, name: string, change: (fields: string[]) => string): ByteString {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`${name}:`));
  return lines.map((line, index) => (index === at ? change(line.split(":")) : line)).join("\n") as ByteString;
}

function withLine(text: ByteString, line: string): ByteString {
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  return `${text}${separator}${line}\n` as ByteString;
}

/** The members are the last field of group and gshadow alike. */
function withMember(text: ByteString, group: string, name: string): ByteString {
  return mapLine(text, group, (fields) => {
    const members = (fields.at(-1) ?? "").split(",").filter((member) => member !== "" && member !== name);
    return [...fields.slice(0, -1), [...members, name].join(",")].join(":");
  });
}

import type { ByteString } from "../../model/bytes.ts";
import type { SimpleCommand } from "../simple-commands.ts";
import type { Found } from "./indicator.ts";
import { givenLines, optionValue, plainOperands, printed, verbOf } from "./verb.ts";

/**
 * Accounts that a command makes (`useradd`, `adduser`, a line added to `/etc/passwd`) and passwords that it sets (`passwd`, `chpasswd`,
 * `usermod -p`, a line added to `/etc/shadow`). A password's value is `account:password` where the password stands in the command, else
 * the account.
 *
 * @param own who is logged in, whom `passwd` without a name means.
 */
export function accountsOf(
  command: SimpleCommand,
  before: SimpleCommand | undefined,
  own: string | undefined,
): Found[] {
  const { name, operands } = verbOf(command.words);
  switch (name) {
    case "useradd":
    case "adduser":
      return made(operands);
    case "chpasswd":
    case "newusers":
      return givenLines(command, before).flatMap((line) => setBy(line, name));
    case "passwd":
      return passwd(operands, givenLines(command, before), own);
    case "usermod": {
      const hash = optionValue(operands, "p", "password");
      const account = plainOperands(operands, "cdefgGlpsu").at(-1);
      return hash === undefined || !isName(account) ? [] : [changed(account, undefined, "hash", hash)];
    }
    default:
      return addedLines(command);
  }
}

/** A password that was typed at the prompts of `passwd`. */
export function changed(
  account: string,
  password: string | undefined,
  detail = "password",
  text = password,
): Found {
  const value = password === undefined || password === "" ? account : `${account}:${password}`;
  return {
    kind: "password-changed",
    value: value as ByteString,
    details: {
      account: account as ByteString,
      ...(text === undefined ? {} : { [detail]: text as ByteString }),
    },
  };
}

/** Whose password `passwd` with these operands asks for; undefined where it asks for none. */
export function accountOfPasswd(operands: readonly string[], own: string | undefined): string | undefined {
  if (operands.some((word) => /^-(?:-help|-status|[ShadluxnweiR])/.test(word) && word !== "--stdin"))
    return undefined;
  const [account = own] = plainOperands(operands, "");
  return isName(account) ? account : undefined;
}

function made(operands: readonly string[]): Found[] {
  if (operands.some((word) => /^-(?:D|-help|-defaults|-version)$/.test(word))) return [];
  const plain = plainOperands(operands, "bcdefgGkKpPRsuZ");
  // `adduser NAME GROUP` adds to a group; the first is the account either way.
  const [account] = plain;
  if (!isName(account)) return [];
  const hash = optionValue(operands, "p", "password");
  const found: Found[] = [{ kind: "user-made", value: account }];
  if (hash !== undefined) found.push(changed(account, undefined, "hash", hash));
  return found;
}

function passwd(operands: readonly string[], given: readonly string[], own: string | undefined): Found[] {
  const account = accountOfPasswd(operands, own);
  if (account === undefined) return [];
  if (operands.includes("--stdin")) return [changed(account, given[0])];
  // Old and new, or new twice: what was said twice is the new one.
  const twice = given.find((line, at) => line !== "" && line === given[at + 1]);
  return given.length === 0 ? [changed(account, undefined)] : [changed(account, twice)];
}

function setBy(line: string, program: "chpasswd" | "newusers"): Found[] {
  const [account, password = ""] = /^([^:\s]{1,32}):(.*)$/.exec(line)?.slice(1) ?? [];
  if (!isName(account)) return [];
  const secret = program === "newusers" ? (password.split(":")[0] ?? "") : password;
  const found = [changed(account, secret)];
  return program === "newusers" ? [{ kind: "user-made", value: account }, ...found] : found;
}

function addedLines(command: SimpleCommand): Found[] {
  const target = command.redirects.findLast(({ operator }) => operator.includes(">"))?.target;
  if (target !== "/etc/passwd" && target !== "/etc/shadow") return [];
  return (printed(command) ?? "").split("\n").flatMap((line): Found[] => {
    const [account, field, ...rest] = line.trim().split(":");
    if (!isName(account) || field === undefined || rest.length < 4) return [];
    return target === "/etc/passwd"
      ? [{ kind: "user-made", value: account, details: { line: line.trim() as ByteString } }]
      : [changed(account, undefined, "hash", field)];
  });
}

function isName(text: string | undefined): text is ByteString {
  return text !== undefined && /^[a-zA-Z0-9_.][a-zA-Z0-9_.@-]{0,31}\$?$/.test(text);
}

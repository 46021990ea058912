import type { ByteString } from "../model/bytes.ts";

/** Options that take the next argument with them, by the interpreter that has them. */
const WITH_VALUE: readonly (readonly [interpreter: RegExp, options: RegExp])[] = [
  [/^(?:sh|ash|dash|bash|rbash|ksh|zsh|mksh)$/, /^(?:[-+][a-zA-Z]*[oO]|--rcfile|--init-file)$/],
  [/^python[\d.]*$/, /^-[a-zA-Z]*[WX]$|^--check-hash-based-pycs$/],
  [/^perl[\d.]*$/, /^-[IM]$/],
  [/^(?:php[\d.]*|ruby[\d.]*|lua[\d.]*)$/, /^-[IcdrCE]$/],
];
/** What follows is no file but the program itself, or a module. */
const NO_FILE: readonly (readonly [interpreter: RegExp, options: RegExp])[] = [
  [/^(?:sh|ash|dash|bash|rbash|ksh|zsh|mksh)$/, /^-[a-zA-Z]*[cs]/],
  [/^python[\d.]*$/, /^-[a-zA-Z]*[cm]/],
  [/^perl[\d.]*$/, /^-[a-zA-Z]*[eE]/],
  [/^php[\d.]*$/, /^-[rBRF]/],
  [/^(?:ruby|lua)[\d.]*$/, /^-[a-zA-Z]*[e]/],
];

/**
 * The file that an interpreter was given to run, as its arguments name it; undefined where it was given none, or is none of those that
 * are known. What they do not say is not guessed.
 */
export function scriptOf(path: ByteString, argv: readonly ByteString[]): ByteString | undefined {
  let name = lastName(path);
  let rest = argv.slice(1);
  // One program for all of them, which goes by its first argument where it has no other's name.
  if (name === "busybox" || name === "toybox") {
    name = lastName(argv[0] ?? "").replace(/^-/, "");
    if (name === "busybox" || name === "toybox") [name = "", ...rest] = rest;
  }
  const [withValue] = WITH_VALUE.filter(([interpreter]) => interpreter.test(name));
  const [noFile] = NO_FILE.filter(([interpreter]) => interpreter.test(name));
  if (withValue === undefined || noFile === undefined) return undefined;
  for (let at = 0; at < rest.length; at++) {
    const argument = rest[at] ?? "";
    if (argument === "--") return rest[at + 1];
    if (!/^[-+]./.test(argument))
      return argument === "-" || argument === "" ? undefined : (argument);
    if (noFile[1].test(argument)) return undefined;
    if (withValue[1].test(argument)) at++;
  }
  return undefined;
}

/** Whether what the interpreter was given can only be that file, which it is known to have opened. */
export function isNamed(file: ByteString, script: ByteString): boolean {
  const parts = script.split("/").filter((part) => part !== "" && part !== ".");
  // What `..` leads to is not known from the names alone; the last name is.
  const certain = parts.slice(parts.lastIndexOf("..") + 1);
  return certain.length > 0 && file.endsWith(`/${certain.join("/")}`);
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

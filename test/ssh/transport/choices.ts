import { readFileSync } from "node:fs";
import type { Modulus } from "../../../gateway/model/persona.ts";
import { parseModuli } from "../../../gateway/sandbox/image/moduli.ts";
import { CLIENT_KEX, IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";

export type Lists = { readonly [list in keyof typeof IMPLEMENTED]: readonly string[] };
export type Choice = readonly [list: keyof Lists, name: string];

/** What we have as a client. */
export const AS_CLIENT: Lists = { ...IMPLEMENTED, kex: CLIENT_KEX };

/** Each name of the lists, once. */
export function choices(lists: Partial<Lists>): Choice[] {
  return Object.entries(lists).flatMap(([list, names]) =>
    names.map((name): Choice => [list as keyof Lists, name]),
  );
}

/** Our lists with only that name in its own; a MAC is agreed on only with a cipher that needs one. */
export function only([list, name]: Choice, lists: Lists = IMPLEMENTED): Lists {
  return { ...lists, ...(list === "mac" ? { cipher: ["aes128-ctr"] } : {}), [list]: [name] };
}

/** The groups of this machine's sshd, of so many bits at most. */
export function moduliUpTo(bits: number): Modulus[] {
  return parseModuli(readFileSync("/etc/ssh/moduli", "latin1")).filter((modulus) => modulus.bits <= bits);
}

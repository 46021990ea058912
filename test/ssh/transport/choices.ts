import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";

export type Lists = { readonly [list in keyof typeof IMPLEMENTED]: readonly string[] };
export type Choice = readonly [list: keyof Lists, name: string];

/** Each name of the lists, once. */
export function choices(lists: Partial<Lists>): Choice[] {
  return Object.entries(lists).flatMap(([list, names]) =>
    names.map((name): Choice => [list as keyof Lists, name]),
  );
}

/** Our lists with only that name in its own; a MAC is agreed on only with a cipher that needs one. */
export function only([list, name]: Choice): Lists {
  return { ...IMPLEMENTED, ...(list === "mac" ? { cipher: ["aes128-ctr"] } : {}), [list]: [name] };
}

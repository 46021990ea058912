/** What the kernel calls things that are one class's: a word, a dot, the class's name (content-name.ts). */
import type { EgressClass } from "./egress.ts";

type Named = Pick<EgressClass, "name">;

/** The set of the sandboxes that are in it. */
export function setOf({ name }: Named): `class.${string}` {
  return `class.${name}`;
}

/** A chain of it, or what is counted under it. */
export function ofClass(word: string, { name }: Named): string {
  return `${word}.${name}`;
}

/** Of a set of sandboxes, its class's name; undefined for every other set. */
export function classOfSet(set: string): string | undefined {
  return /^class\.([0-9a-z]+)$/.exec(set)?.[1];
}

/** Whether that is the name of something that comes and goes with its class. */
export function isOfClass(name: string): boolean {
  return /^[a-z_]+\.[0-9a-z]+$/.test(name);
}

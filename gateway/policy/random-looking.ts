/**
 * Whether a password looks as if chance had made it, as finders of honeypots make theirs. The rule, and how often it is wrong:
 * docs/decisions/random-looking.md.
 */
import type { ByteString } from "../model/bytes.ts";
import { PAIR_RARITY } from "./pair-rarity.ts";
import { symbolOf } from "./symbols.ts";

const SHORTEST = 8;
/** Bits for each pair, on average: one in 32. */
export const RANDOM_FROM = 5;
/** Bits of a step along the keyboard, the alphabet or the digits, and of one that repeats. */
const STEP = 2;
/** Steps one after the other that are no chance; within one row of keys fewer are enough. */
const STEPS = 3;
const STEPS_IN_ROW = 2;
/** The same of two that take turns, as in `q1w2e3r4`. */
const STEPS_IN_TURN = 4;
/** Bits more for a capital behind a small letter, and for what stands for a letter that it looks like. */
const CAPITAL = 3;
const LOOK_ALIKE = 1;

/** They look random and are none: set by makers of devices, or tried by bots for years. */
const KNOWN_TO_BOTS: ReadonlySet<string> = new Set([
  ...["3245gs5662d34", "345gs5662d34", "S2fGqNFs", "OxhlwSG8", "tlJwpbo6", "nE7jA%5m", "7ujMko0admin"],
  ...["7ujMko0vizxv", "J5cmmu=Kyf0-br8CsW", "LSiuY7pOmZG2s", "h@32LuyD", "ho4uku6at", "dvr2580222"],
  ...["e8ehome1", "e8telnet", "twe8ehome", "zlxx.com"],
]);

/** Digits in base 16 are mostly digits, which are not rare; so many of both kinds, mixed, are a number all the same. */
const SHORTEST_HEX = 16;
const HEX_CHANGES = 4;

/** Bits for each pair on average; undefined where the rule says nothing of a password: see the page above. */
export function randomness(password: ByteString): number | undefined {
  if (password.length < SHORTEST || !/^[\x20-\x7e]*[A-Za-z][\x20-\x7e]*$/.test(password)) return undefined;
  if (KNOWN_TO_BOTS.has(password)) return undefined;
  const isStep = stepsIn(password);
  const meant = Array.from(password, (_, at) => meantAt(password, at));
  let bits = 0;
  for (let at = 1; at < password.length; at++) {
    if (isStep[at] === true) {
      bits += STEP;
      continue;
    }
    const [first, second] = [password.charAt(at - 1), password.charAt(at)];
    const [firstMeant = first, secondMeant = second] = [meant[at - 1], meant[at]];
    const isOther = firstMeant !== first || secondMeant !== second;
    bits += Math.min(rarity(first, second), rarity(firstMeant, secondMeant) + (isOther ? LOOK_ALIKE : 0));
    if (/[a-z]/.test(first) && /[A-Z]/.test(second)) bits += CAPITAL;
  }
  return bits / (password.length - 1);
}

export function isRandomLooking(password: ByteString): boolean {
  return isHexNumber(password) || (randomness(password) ?? 0) >= RANDOM_FROM;
}

export function isHexNumber(password: ByteString): boolean {
  if (password.length < SHORTEST_HEX || !/^(?:[0-9a-f]+|[0-9A-F]+)$/.test(password)) return false;
  return password.split(/(?<=\d)(?=\D)|(?<=\D)(?=\d)/).length > HEX_CHANGES;
}

function rarity(first: string, second: string): number {
  return Number(PAIR_RARITY[symbolOf(first)]?.charAt(symbolOf(second)));
}

const LOOKS_LIKE: Readonly<Record<string, string>> = {
  ...{ "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", $: "s", "!": "i" },
};

/** The letter that a sign within a word stands for, or the character itself. */
function meantAt(text: string, at: number): string {
  const character = text.charAt(at);
  const isLetter = (place: number) => /[a-z]/i.test(text.charAt(place));
  const isWithin =
    isLetter(at - 1) || isLetter(at + 1) || (text.charAt(at - 1) in LOOKS_LIKE && isLetter(at - 2));
  return isWithin ? (LOOKS_LIKE[character] ?? character) : character;
}

/** Which characters are reached by one of many steps in a row. */
function stepsIn(text: string): boolean[] {
  const isStep = Array.from(text, () => false);
  for (const [apart, least, within] of [
    [1, STEPS_IN_ROW, areInRow],
    [1, STEPS, areNeighbours],
    [2, STEPS_IN_TURN, areNeighbours],
  ] as const) {
    let run = 0;
    for (let at = apart; at <= text.length; at++) {
      if (at < text.length && within(text.charAt(at - apart), text.charAt(at))) run++;
      else {
        if (run >= least) isStep.fill(true, Math.max(1, at - run - apart + 1), at);
        run = 0;
      }
    }
  }
  return isStep;
}

const KEYS = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
const SHIFTED: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from("!@#$%^&*()", (sign, index) => [sign, KEYS[0]?.charAt(index) ?? ""]),
);

/** The same, or next to each other in a row of keys. */
function areInRow(one: string, other: string): boolean {
  const [from, to] = [placeOf(one), placeOf(other)];
  if (!from || !to) return one === other;
  return from.row === to.row && Math.abs(from.column - to.column) <= 1;
}

/** Next to each other on the keyboard, or one after the other in the alphabet. */
function areNeighbours(one: string, other: string): boolean {
  if (areInRow(one, other)) return true;
  const [from, to] = [placeOf(one), placeOf(other)];
  if (!from || !to) return false;
  if (Math.abs(from.key.charCodeAt(0) - to.key.charCodeAt(0)) === 1) return true;
  const [down, right] = [to.row - from.row, to.column - from.column];
  // Each row stands half a key to the right of the one above it.
  return Math.abs(down) === 1 && (right === 0 || right === -down);
}

function placeOf(sign: string) {
  const key = SHIFTED[sign] ?? sign.toLowerCase();
  const row = KEYS.findIndex((keys) => keys.includes(key));
  return row === -1 ? undefined : { key, row, column: KEYS[row]?.indexOf(key) ?? -1 };
}

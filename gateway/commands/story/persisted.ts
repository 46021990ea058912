import type { Cite, Indicator, IndicatorKind } from "../../evidence/indicators/indicator.ts";
import { showable } from "../../model/bytes.ts";
import { cut } from "../human.ts";
import { someOf } from "./some.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** What they did to stay, to hide, or to come back. */
export function persisted({ indicators }: SessionWhole, telling: Telling): string[] {
  return chapter("How they meant to stay", indicators, PERSISTENCE, telling);
}

/** Places, wallets and files that they named: others have them, too. */
export function named({ indicators }: SessionWhole, telling: Telling): string[] {
  return chapter("What they named", indicators, NAMED, telling);
}

const PERSISTENCE: Partial<Record<IndicatorKind, string>> = {
  "ssh-key": "SSH key planted",
  "user-made": "account made",
  "password-changed": "password set",
  cron: "cron",
  service: "service",
  startup: "startup file",
  preload: "preloaded library",
  sudoers: "sudo right",
  "kernel-module": "kernel module",
  tampering: "tampered",
};

const NAMED: Partial<Record<IndicatorKind, string>> = {
  url: "URL",
  domain: "domain",
  address: "address",
  wallet: "wallet",
  pool: "mining pool",
  "user-agent": "user agent",
};

function chapter(
  heading: string,
  indicators: readonly Indicator[],
  words: Partial<Record<IndicatorKind, string>>,
  telling: Telling,
): string[] {
  // What is a key stands before what may be a file of a new account.
  const order = Object.keys(words);
  const sorted = indicators.toSorted((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
  const lines = sorted.flatMap(({ kind, value, cites }) => {
    const word = words[kind];
    return word === undefined ? [] : [`  ${word}: ${cut(showable(value), 200)}${seenIn(cites[0])}`];
  });
  return lines.length === 0 ? [] : [heading, ...someOf(lines, telling, { short: 5, full: 1000 })];
}

function seenIn(cite: Cite | undefined): string {
  if (cite === undefined) return "";
  if ("path" in cite) return ` (in ${cut(showable(cite.path), 80)})`;
  return "late" in cite ? " (after they left)" : ` (+${(Number(cite.at) / 1e9).toFixed(1)} s)`;
}

import { hash } from "node:crypto";
import { INDICATOR_KINDS, type Indicator, type IndicatorKind } from "../evidence/indicators/indicator.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import type { ByteString } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import type { NetworkFact } from "../model/network-facts.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";

/** What a text is that a session can be found by. */
export type TextKind =
  | "source"
  | "user"
  | "password"
  | "key"
  | "command"
  | "typed"
  | "file"
  | "sha256"
  | "client"
  | "hassh"
  | "forward"
  | "network"
  | "persona"
  | "sandbox"
  | IndicatorKind;

/** Those in which `search` looks; a persona's name would find everybody. */
export const SEARCHED: readonly TextKind[] = [
  ...(["source", "user", "password", "key", "command", "typed", "file", "sha256"] as const),
  ...(["client", "hassh", "forward", "network", "sandbox"] as const),
  ...INDICATOR_KINDS,
];

/** Bytes of one text that can be found; of a longer one its beginning. */
export const LONGEST_TEXT = 8192;
/** Different texts, and bytes of them, that one session can be found by: a flood is found by how it began. */
export const MOST_TEXTS = 5000;
export const MOST_TEXT = 1024 * 1024;

/** A text of a session. `at`: nanoseconds after its start. */
export interface Told {
  readonly kind: TextKind;
  readonly text: string;
  readonly at: bigint;
}

/** What observations tell that a session can be found by, each text once, within the bounds. */
export function textsOf(observations: Iterable<Observation>, already = 0): Told[] {
  const seen = new Set<string>();
  const texts: Told[] = [];
  let bytes = 0;
  for (const observation of observations) {
    for (const [kind, given] of told(observation)) {
      if (given === undefined) continue;
      const text = stored(given);
      const key = `${kind} ${text}`;
      if (seen.has(key)) continue;
      bytes += text.length;
      if (already + texts.length >= MOST_TEXTS || bytes > MOST_TEXT) return texts;
      seen.add(key);
      texts.push({ kind, text, at: observation.at });
    }
  }
  return texts;
}

/** As `textsOf`, for what its sandbox did after the session. @param started microseconds since 1970. */
export function lateTextsOf(facts: readonly LateFactRead[], started: number): Told[] {
  const texts = new Map<string, Told>();
  for (const { at, fact } of facts) {
    const after = BigInt(Math.max(0, at - started)) * 1000n;
    for (const [kind, given] of ofFact(fact)) {
      if (given === undefined || texts.has(given)) continue;
      texts.set(given, { kind, text: stored(given), at: after });
    }
  }
  return [...texts.values()];
}

/** What a session's indicators are found by. @param started of the session, microseconds since 1970. */
export function indicatorTexts(indicators: readonly Indicator[], started: number): Told[] {
  return indicators.map(({ kind, value, cites: [first] }) => ({
    kind,
    text: stored(value),
    at:
      first !== undefined && "late" in first
        ? BigInt(Math.max(0, first.late - started)) * 1000n
        : first !== undefined && "at" in first
          ? first.at
          : 0n,
  }));
}

type Given = readonly [TextKind, string | undefined];

function told(one: Observation): readonly Given[] {
  switch (one.kind) {
    case "session-opened":
      return [
        ["source", one.source.address],
        ["persona", one.persona],
      ];
    case "client-version":
      return [["client", one.version]];
    case "key-exchange":
      return [["hassh", one.hassh]];
    case "tried":
      return [
        ["user", one.user],
        ["password", one.password],
        ["password", one.newPassword],
        ["key", one.key?.fingerprintSha256],
        ["key", one.key?.fingerprintMd5],
      ];
    case "logged-in":
      return [["user", one.user]];
    case "sandbox-leased":
      return [["sandbox", one.sandbox]];
    case "command":
      return [["command", one.text]];
    case "typed":
      return [["typed", one.text]];
    case "transfer":
      return [
        ["file", one.path],
        ["sha256", one.sha256],
      ];
    case "dropped":
      return [
        ["file", one.path],
        ["sha256", one.sha256],
      ];
    case "file-operation":
      return [
        ["file", one.path],
        ["file", one.to],
      ];
    case "forward":
    case "listen":
      return [["forward", `${one.host}:${one.port}`]];
    case "network":
      return ofNetwork(one);
    case "file":
      return [
        ["file", one.path],
        ["sha256", one.sha256],
      ];
    case "process":
    case "key-offered":
    case "channel-opened":
    case "channel-closed":
    case "command-ended":
    case "terminal":
    case "variable":
    case "subsystem":
    case "forward-data":
    case "unreadable":
    case "session-ended":
      return [];
    default:
      return one satisfies never;
  }
}

function ofFact(fact: SandboxFact): readonly Given[] {
  return told({ ...fact, entry: 0, at: 0n });
}

function ofNetwork({ name, to }: NetworkFact): readonly Given[] {
  return [
    ["network", name],
    ["network", showEndpoint(to)],
  ];
}

/** Stands for NUL, at which SQLite's own functions would end a text. No byte is this character. */
const NUL = "\u0100";

/** A text as the index has it: one character per byte, cut at the bound, without NUL. */
export function stored(given: string): string {
  return given
    .slice(0, LONGEST_TEXT)
    .replace(/[^\0-\xff]/g, "?")
    .replaceAll("\0", NUL);
}

/** What `stored` was given. */
export function given(text: string): ByteString {
  return text.replaceAll(NUL, "\0") as ByteString;
}

/** A to Z as a to z. Other letters are bytes, and stay as they are; SQLite's lower() does the same. */
export function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Names a text among all; strangers cannot make two that have the same. */
export function digestOf(kind: TextKind, text: string): Buffer {
  return hash("sha256", `${kind} ${text}`, "buffer").subarray(0, 16);
}

import type { ByteString } from "../model/bytes.ts";
import { finding, mentioning, trying, walking, withClient, type Holder } from "./link-holders.ts";
import {
  clientsOf,
  listsOf,
  pairKey,
  pairsOf,
  pairText,
  passwordsSet,
  sessionsOf,
  textId,
  textsFound,
  textsSaid,
  type OwnPair,
  type OwnText,
} from "./link-own.ts";
import {
  FEWEST_SHARED,
  LEAST_SHARE,
  LINK_RULES,
  scoreOf,
  strengthOf,
  type LinkKind,
  type Reason,
  type Strength,
} from "./link-rules.ts";
import { addressKey } from "./address.ts";
import type { Ask } from "./sql.ts";
import { given, type TextKind } from "./texts.ts";

/** A source that belongs together with those asked about, and why: the strongest reason first. */
export interface Link {
  readonly source: string;
  readonly strength: Strength;
  readonly reasons: readonly Reason[];
}

export interface Links {
  /** The strongest first. */
  readonly links: readonly Link[];
  /** Values that so many sources have that they say nothing. */
  readonly common: number;
}

/** Reasons that one link tells; of one kind. */
const MOST_OF_A_KIND = 5;
/** Other sources whose lists are looked at. */
const MOST_LISTS_READ = 30;

/** What belongs together with these sessions of one source, by the rules of LINK_RULES. @param source is left out of the answer. */
export function linksOf(ask: Ask, sessions: readonly string[], source: string): Links {
  const found = new Gathering(source);
  const texts = [...textsSaid(ask, sessions), ...textsFound(ask, sessions)];
  for (const text of texts) found.add(kindOf(text.kind), text, both(ask, text.id));
  for (const text of texts) useOfPlanted(ask, text, found);
  for (const { list, pairs, session } of listsOf(ask, sessions))
    found.add("same-list", { text: `${pairs} credentials`, session }, walking(ask, list));
  shareCredentials(ask, pairsOf(ask, sessions), found);
  for (const { hassh, version, ids, session } of clientsOf(ask, sessions))
    found.add(
      "same-client",
      { text: `${hassh} ${version}`, session },
      withClient(ask, ids.hassh, ids.version),
    );
  return found.links;
}

function kindOf(kind: TextKind): LinkKind {
  switch (kind) {
    case "key":
      return "same-key";
    case "ssh-key":
      return "same-planted-key";
    case "sha256":
    case "hash":
      return "same-artifact";
    case "sandbox":
      return "same-sandbox";
    default:
      return "same-indicator";
  }
}

/** By whom a text was said, or left in a sandbox. */
function both(ask: Ask, text: number): Holder[] {
  return [...finding(ask, text), ...mentioning(ask, text)];
}

/** A key that one planted and the other showed; a password that one set and the other tried. */
function useOfPlanted(ask: Ask, text: OwnText, found: Gathering): void {
  if (text.kind === "key" || text.kind === "ssh-key") {
    const other = textId(ask, text.kind === "key" ? "ssh-key" : "key", text.text);
    if (other !== undefined) found.add("planted-key-used", text, both(ask, other));
  } else if (text.kind === "password-changed") {
    const [, user, password] = /^([^:]+):(.+)$/s.exec(text.text) ?? [];
    if (user === undefined || password === undefined) return;
    const [name, word] = [textId(ask, "user", user), textId(ask, "password", password)];
    if (name !== undefined && word !== undefined)
      found.add("changed-password-used", text, trying(ask, name, word));
  }
}

/** Credentials that few try count together: enough of them, and a good part of the shorter list. */
function shareCredentials(ask: Ask, pairs: readonly OwnPair[], found: Gathering): void {
  const shared = new Map<string, { pairs: number; sources: number; ours: string; theirs: string }>();
  const known = passwordsSet(ask);
  for (const pair of pairs) {
    const set =
      known === undefined
        ? textId(ask, "password-changed", pairText(ask, pair))
        : known.get(pairKey(pair.user, pair.password));
    if (set !== undefined)
      found.add(
        "changed-password-used",
        { text: pairText(ask, pair), session: pair.session },
        both(ask, set),
      );
    const holders = trying(ask, pair.user, pair.password, LINK_RULES["shared-credentials"].common);
    const sources = new Map(holders?.map(({ source, session }) => [source, session]));
    if (holders === undefined || sources.size > LINK_RULES["shared-credentials"].common) {
      found.common++;
      continue;
    }
    for (const [source, theirs] of sources) {
      if (source === found.source) continue;
      const before = shared.get(source);
      if (before === undefined)
        shared.set(source, { pairs: 1, sources: sources.size, ours: pair.session, theirs });
      else {
        before.pairs++;
        before.sources = Math.max(before.sources, sources.size);
      }
    }
  }
  const most = [...shared]
    .filter(([, { pairs: number }]) => number >= FEWEST_SHARED)
    .sort(([, one], [, other]) => other.pairs - one.pairs)
    .slice(0, MOST_LISTS_READ);
  for (const [source, { pairs: number, sources, ours, theirs }] of most) {
    const list = listOfSource(ask, source);
    if (number < LEAST_SHARE * Math.min(pairs.length, list.length)) continue;
    const same = list.length === pairs.length && list.every((one, place) => isPair(one, pairs[place]));
    const value = `${same ? "all" : number} of ${pairs.length} and ${list.length} credentials`;
    found.reason(source, {
      kind: same ? "same-list" : "shared-credentials",
      value: value as ByteString,
      ...{ sources, ours, theirs },
    });
  }
}

function listOfSource(ask: Ask, source: string): OwnPair[] {
  const key = addressKey(source);
  return key === undefined ? [] : pairsOf(ask, sessionsOf(ask, key));
}

function isPair(one: OwnPair, other: OwnPair | undefined): boolean {
  return one.user === other?.user && one.password === other.password;
}

class Gathering {
  readonly source: string;
  readonly #reasons = new Map<string, Reason[]>();
  common = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** Of a value that ours have, those who have it too. */
  add(kind: LinkKind, ours: Pick<OwnText, "text" | "session">, holders: readonly Holder[] | undefined): void {
    if (holders === undefined) {
      this.common++;
      return;
    }
    // Of several sessions of one source, the last in the order of the question.
    const sources = new Map(holders.map(({ source, session }) => [source, session]));
    sources.delete(this.source);
    if (sources.size === 0) return;
    if (sources.size + 1 > LINK_RULES[kind].common) {
      this.common++;
      return;
    }
    for (const [source, theirs] of sources)
      this.reason(source, {
        kind,
        value: given(ours.text),
        sources: sources.size + 1,
        ours: ours.session,
        theirs,
      });
  }

  reason(source: string, reason: Reason): void {
    const reasons = this.#reasons.get(source) ?? [];
    const same = reasons.filter(({ kind }) => kind === reason.kind);
    if (same.some(({ value }) => value === reason.value) || same.length >= MOST_OF_A_KIND) return;
    this.#reasons.set(source, [...reasons, reason]);
  }

  get links(): Links {
    const links = [...this.#reasons].map(([source, reasons]) => ({
      source,
      strength: strengthOf(reasons),
      reasons: reasons.toSorted((one, other) => scoreOf(other) - scoreOf(one)),
    }));
    const rank = ({ reasons }: Link) =>
      (reasons[0] === undefined ? 0 : scoreOf(reasons[0])) + reasons.length / 1000;
    return {
      links: links.sort((one, other) => rank(other) - rank(one) || (one.source < other.source ? -1 : 1)),
      common: this.common,
    };
  }
}

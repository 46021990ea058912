import type { ByteString } from "../../model/bytes.ts";
import {
  LONGEST_VALUE,
  MOST_CITES,
  MOST_INDICATORS,
  type Cite,
  type Found,
  type Indicator,
} from "./indicator.ts";

/** Puts together what scanners find: each thing once, with where it was seen, in the order in which it came. Bounded. */
export class Gatherer {
  readonly #found = new Map<string, Known>();
  readonly #most: number;
  /** Things that were not kept, because there were more than the bound. */
  leftOut = 0;

  constructor(most = MOST_INDICATORS) {
    this.#most = most;
  }

  add(found: Iterable<Found>, cite: Cite): void {
    for (const one of found) this.#one(one, cite);
  }

  get indicators(): Indicator[] {
    return [...this.#found.values()];
  }

  #one({ kind, value, details }: Found, cite: Cite): void {
    if (value === "" || value.length > LONGEST_VALUE) return;
    const key = `${kind} ${value}`;
    const known = this.#found.get(key);
    if (known === undefined) {
      if (this.#found.size >= this.#most) this.leftOut++;
      else this.#found.set(key, { kind, value, ...(details && { details: short(details) }), cites: [cite] });
      return;
    }
    if (details !== undefined) known.details = { ...short(details), ...known.details };
    if (known.cites.length < MOST_CITES && !known.cites.some((other) => isSame(other, cite)))
      known.cites.push(cite);
  }
}

interface Known extends Found {
  details?: Readonly<Record<string, ByteString>>;
  readonly cites: Cite[];
}

function short(details: Readonly<Record<string, ByteString>>): Record<string, ByteString> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, value.slice(0, LONGEST_VALUE) as ByteString]),
  );
}

function isSame(one: Cite, other: Cite): boolean {
  if ("entry" in one) return "entry" in other && one.entry === other.entry;
  if ("late" in one) return "late" in other && one.late === other.late;
  return "path" in other && one.path === other.path;
}

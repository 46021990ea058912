import { RCODES, type Finding } from "./dns-message.ts";

const MOST_ENTRIES = 1024;
/** Seconds. A name that changes by the minute is asked for again, one that never does within the hour. */
const LONGEST = 3600;
const LONGEST_WITHOUT = 300;
const SHORTEST = 1;

/** What resolvers answered, for as long as they said; the least lately used is forgotten first. */
export class DnsCache {
  readonly #entries = new Map<string, { finding: Finding; at: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** With what is left of each record's time to live. */
  get(key: string): Finding | undefined {
    const entry = this.#entries.get(key);
    const now = this.#now();
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (now >= entry.until || now < entry.at) return undefined;
    this.#entries.set(key, entry);
    const age = Math.floor((now - entry.at) / 1000);
    const older = ({ ttl, ...rest }: Finding["answers"][number]) => ({
      ...rest,
      ttl: Math.max(0, ttl - age),
    });
    const { answers, authority } = entry.finding;
    return { ...entry.finding, answers: answers.map(older), authority: authority.map(older) };
  }

  put(key: string, finding: Finding): void {
    if (finding.rcode !== RCODES.NOERROR && finding.rcode !== RCODES.NXDOMAIN) return;
    if (finding.truncated) return;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MOST_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    const at = this.#now();
    this.#entries.set(key, { finding, at, until: at + lifeOf(finding) * 1000 });
  }
}

function lifeOf({ answers, authority }: Finding): number {
  const times = (answers.length > 0 ? answers : authority).map(({ ttl }) => ttl);
  const most = answers.length > 0 ? LONGEST : LONGEST_WITHOUT;
  return Math.max(SHORTEST, Math.min(most, ...(times.length > 0 ? times : [SHORTEST])));
}

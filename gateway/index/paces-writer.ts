import type { Evidence } from "../evidence/extract.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { NetworkFact } from "../model/network-facts.ts";
import type { SessionRow } from "./rows.ts";
import type { Statements } from "./statements.ts";

/** Connections of one session that are kept with their times; more tells nothing new of which cap they would have met. */
const MOST_CONNECTS = 256;
/** Within this a packet from and to the same ports is the same connection once more: TCP asks again for two minutes. In microseconds. */
const ASKS_AGAIN = 130_000_000;

interface Connect {
  /** Microseconds since 1970. */
  readonly at: number;
  readonly fact: NetworkFact;
}

/** Writes what another policy can be tried on: how a session went on in time, and when its sandbox turned outward. Within the caller's transaction. */
export class PacesWriter {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  put({ id, started }: SessionRow, { pace, observations }: Evidence): void {
    this.#statements.run("DELETE FROM paces WHERE session = ?", [id]);
    if (pace.loggedIn !== undefined)
      this.#statements.run("INSERT INTO paces (session, logged_in_us, pauses, growth) VALUES (?,?,?,?)", [
        ...[id, pace.loggedIn, JSON.stringify(pace.pauses), JSON.stringify(pace.growth)],
      ]);
    const facts = observations.flatMap((one) =>
      one.kind === "network" ? [{ at: started + Number(one.at / 1000n), fact: one }] : [],
    );
    this.#connects(id, 0, facts);
  }

  putLate(session: string, late: readonly LateFactRead[]): void {
    const facts = late.flatMap(({ at, fact }) => (fact.kind === "network" ? [{ at, fact }] : []));
    this.#connects(session, 1, facts);
  }

  #connects(session: string, late: 0 | 1, facts: readonly Connect[]): void {
    this.#statements.run("DELETE FROM connects WHERE session = ? AND late = ?", [session, late]);
    for (const [ordinal, { at, fact }] of eachOnce(facts).entries())
      this.#statements.run(CONNECT, [
        ...[session, late, ordinal, at, fact.rule, fact.protocol],
        ...[fact.to.address, fact.to.port, fact.count, fact.size ?? 0],
      ]);
  }
}

/** The first of them. */
function eachOnce(facts: readonly Connect[]): Connect[] {
  const last = new Map<string, number>();
  const once: Connect[] = [];
  for (const connect of facts) {
    const { protocol, from, to, rule } = connect.fact;
    const same = JSON.stringify([protocol, from, to.address, to.port, rule === "cap"]);
    const before = from === 0 ? undefined : last.get(same);
    last.set(same, connect.at);
    if (before !== undefined && connect.at - before < ASKS_AGAIN) continue;
    if (once.push(connect) >= MOST_CONNECTS) break;
  }
  return once;
}

const CONNECT =
  "INSERT INTO connects (session, late, ordinal, at_us, rule, protocol, address, port, tries, sent) VALUES (?,?,?,?,?,?,?,?,?,?)";

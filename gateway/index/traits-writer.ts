import { createHash } from "node:crypto";
import type { Evidence } from "../evidence/extract.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import type { NetworkFact } from "../model/network-facts.ts";
import type { Statements } from "./statements.ts";
import { stored } from "./texts.ts";

/** A list of fewer pairs is everybody's. */
const SHORTEST_LIST = 3;
/** Destinations of one session that are told apart; what is over that is counted by its rule. */
const MOST_DESTINATIONS = 500;

/** Writes what sessions are linked and summed up by. Within the caller's transaction. */
export class TraitsWriter {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  put(session: string, { client, observations }: Evidence): void {
    const { list, pairs } = credentialList(observations);
    this.#statements.run(
      "INSERT OR REPLACE INTO traits (session, typist, typist_rule, list, pairs) VALUES (?,?,?,?,?)",
      [session, client.typist, client.typistRule, list, pairs],
    );
  }

  /** What was observed since it was told last. */
  tell(session: string, observations: readonly Observation[]): void {
    const facts = observations.filter((one) => one.kind === "network");
    this.#tries(session, facts, false);
  }

  /** All of what was tried after the session, in the place of what was told of it before. */
  tellLate(session: string, facts: readonly LateFactRead[]): void {
    this.#statements.run("DELETE FROM network_tries WHERE session = ? AND late = 1", [session]);
    const tries = facts.flatMap(({ fact }) => (fact.kind === "network" ? [fact] : []));
    this.#tries(session, tries, true);
  }

  /** What was told of it while it lived. */
  drop(session: string): void {
    this.#statements.run("DELETE FROM network_tries WHERE session = ? AND late = 0", [session]);
  }

  #tries(session: string, facts: readonly NetworkFact[], late: boolean): void {
    if (facts.length === 0) return;
    const counted = this.#statements.get(
      "SELECT count(*) AS n FROM network_tries WHERE session = ? AND late = ?",
      session,
      Number(late),
    );
    let free = MOST_DESTINATIONS - Number(counted?.["n"]);
    for (const { rule, protocol, to, name = "", count } of facts) {
      const key = [session, Number(late), rule, protocol, to.address, to.port, stored(name)];
      const known = this.#statements.get(KNOWN, ...key) !== undefined;
      const at = known || free > 0 ? key : [session, Number(late), rule, protocol, "", 0, ""];
      if (!known && free > 0) free--;
      this.#statements.run(TRIED, [...at, count]);
    }
  }
}

const KNOWN = `SELECT 1 AS yes FROM network_tries WHERE session = ? AND late = ? AND rule = ? AND protocol = ?
  AND address = ? AND port = ? AND name = ?`;
const TRIED = `INSERT INTO network_tries (session, late, rule, protocol, address, port, name, tries) VALUES (?,?,?,?,?,?,?,?)
  ON CONFLICT DO UPDATE SET tries = tries + excluded.tries`;

/** Names the pairs that a session tried, each once, in their order. */
function credentialList(observations: readonly Observation[]): {
  readonly list: Buffer | undefined;
  readonly pairs: number;
} {
  const seen = new Set<string>();
  const hash = createHash("sha256");
  for (const one of observations) {
    if (one.kind !== "tried" || one.password === undefined) continue;
    const pair = JSON.stringify([one.user, one.password]);
    if (seen.has(pair)) continue;
    seen.add(pair);
    hash.update(pair);
  }
  return { list: seen.size < SHORTEST_LIST ? undefined : hash.digest().subarray(0, 16), pairs: seen.size };
}

import type { ByteString } from "../model/bytes.ts";
import { isNetworkRule, NETWORK_RULES, type NetworkOutcome } from "../model/network-facts.ts";
import { joined, sql, type Ask, type Sql } from "./sql.ts";
import { given } from "./texts.ts";

/** What sandboxes tried and were not let. */
export interface Denied {
  readonly rule: string;
  readonly outcome: NetworkOutcome;
  readonly protocol: string;
  /** Absent: destinations over those that are told apart. */
  readonly address?: string;
  /** Absent where the protocol has none. */
  readonly port?: number;
  readonly name?: ByteString;
  readonly tries: number;
  readonly sessions: number;
}

const STOPPED = Object.entries(NETWORK_RULES).flatMap(([rule, { outcome }]) =>
  outcome === "allowed" ? [] : [rule],
);

export function deniedIn(ask: Ask, within: Sql, top: number): Denied[] {
  const stopped = joined(
    STOPPED.map((rule) => sql`${rule}`),
    ", ",
  );
  return ask(
    sql`SELECT rule, protocol, address, port, name, sum(tries) AS tries, count(DISTINCT session) AS sessions
      FROM sessions CROSS JOIN network_tries ON network_tries.session = sessions.id
      WHERE ${within} AND rule IN (${stopped}) GROUP BY rule, protocol, address, port, name
      ORDER BY tries DESC, rule, protocol, address, port, name LIMIT ${top}`,
  ).map((row) => {
    const rule = String(row["rule"]);
    const name = given(String(row["name"]));
    return {
      rule,
      outcome: isNetworkRule(rule) ? NETWORK_RULES[rule].outcome : "denied",
      protocol: String(row["protocol"]),
      ...(row["address"] === "" ? {} : { address: String(row["address"]) }),
      ...(row["port"] === 0 ? {} : { port: Number(row["port"]) }),
      ...(name === "" ? {} : { name }),
      tries: Number(row["tries"]),
      sessions: Number(row["sessions"]),
    };
  });
}

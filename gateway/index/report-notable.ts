import type { ByteString } from "../model/bytes.ts";
import { DROPPED } from "./schema.ts";
import { sql, type Ask, type Sql } from "./sql.ts";

/** A session that is worth to be looked at. */
export interface Notable {
  readonly session: string;
  readonly source: string;
  /** Microseconds since 1970, and microseconds. */
  readonly started: number;
  readonly duration: number;
  readonly user?: ByteString;
  /** Absent where a key let them in, or retention has dropped it. */
  readonly password?: ByteString;
  readonly method: string;
  readonly typist: string;
  readonly commands: number;
  readonly transfers: number;
  readonly forwards: number;
  readonly networkTries: number;
  readonly points: number;
}

/**
 * What makes a session notable; points add up. A person at the keys counts most, then what was brought in, then what was tried outward,
 * then how much was done.
 */
const POINTS = sql`40 * (typist = 'human') + 20 * (transfers > 0) + 10 * (forwards > 0)
  + 10 * EXISTS (SELECT 1 FROM network_tries WHERE network_tries.session = sessions.id)
  + min(commands, 20) + min(duration_us / 60000000, 10)`;

/** Of the sessions that got in: the longest, or those with most points. */
export function notableIn(ask: Ask, within: Sql, by: "longest" | "notable", top: number): Notable[] {
  const order = by === "longest" ? sql`duration_us` : sql`points`;
  return ask(
    sql`SELECT id, source_address, started_us, duration_us, user, password, method, ifnull(typist, 'unknown') AS typist, commands, transfers,
        forwards, network + ifnull((SELECT tries FROM late_network WHERE late_network.session = sessions.id), 0) AS tries,
        ifnull(${POINTS}, 0) AS points
      FROM sessions LEFT JOIN traits ON traits.session = sessions.id
      WHERE ${within} AND logged_in = 1 ORDER BY ${order} DESC, started_us DESC, id LIMIT ${top}`,
  ).map((row) => {
    const { user, password } = row;
    return {
      session: String(row["id"]),
      source: String(row["source_address"]),
      started: Number(row["started_us"]),
      duration: Number(row["duration_us"]),
      ...(user === null ? {} : { user: String(user) as ByteString }),
      ...(password === null || password === DROPPED ? {} : { password: String(password) as ByteString }),
      method: String(row["method"]),
      typist: String(row["typist"]),
      commands: Number(row["commands"]),
      transfers: Number(row["transfers"]),
      forwards: Number(row["forwards"]),
      networkTries: Number(row["tries"]),
      points: Number(row["points"]),
    };
  });
}

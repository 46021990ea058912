import type { AddressRange } from "./address.ts";
import type { TextKind } from "./texts.ts";

/**
 * Which sessions are asked for: all conditions hold at once. There is this one form of it, and one reading of that (`selection.ts`), with an
 * index of a data folder and with one that was made in memory where there is none.
 */
export interface SessionFilter {
  /** Microseconds since 1970; the session's start is between them, both included. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly source?: AddressRange | undefined;
  readonly texts?: readonly TextCondition[] | undefined;
  /** A name and a password that were tried together. */
  readonly credential?: { readonly user: TextCondition; readonly password: TextCondition } | undefined;
  /** false: they tried, and did not get in. */
  readonly loggedIn?: boolean | undefined;
  readonly live?: boolean | undefined;
  /** Name of the policy's profile that held for it. */
  readonly profile?: string | undefined;
  /** Who was at the keys, by the rule of evidence/client-typist.ts. */
  readonly typist?: "human" | "machine" | undefined;
  /** Microseconds. */
  readonly minDuration?: number | undefined;
  readonly limit?: number | undefined;
}

/** The session has a text of one of these kinds that is so. */
export interface TextCondition {
  readonly kinds: readonly TextKind[];
  /**
   * `is`: equal to the byte. `glob`: matched to the byte, by SQLite's GLOB; `name`: so, or what follows one of its slashes. `part`: holds it,
   * whatever the case of a to z. `begins`: with it.
   */
  readonly how: "is" | "glob" | "name" | "part" | "begins";
  /** As `stored` makes it. */
  readonly value: string;
}

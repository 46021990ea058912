import { MitsubakoError } from "../model/errors.ts";

/** What `doctor` says of one thing. */
export interface Finding {
  readonly what: string;
  /** warning: it runs, but not as one would want. */
  readonly state: "good" | "warning" | "bad";
  readonly says: string;
}

/** It works, and should be better. */
export class Warning extends Error {}

/** Good with what the check says, a warning when it throws one, bad when it throws anything else. */
export async function look(what: string, check: () => string | Promise<string>): Promise<Finding> {
  try {
    return { what, state: "good", says: await check() };
  } catch (error) {
    if (error instanceof Warning) return { what, state: "warning", says: error.message };
    const remedy = error instanceof MitsubakoError && error.remedy !== undefined ? ` ${error.remedy}` : "";
    return { what, state: "bad", says: `${error instanceof Error ? error.message : String(error)}${remedy}` };
  }
}

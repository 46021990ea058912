import type { Command } from "commander";

/** What `sessions` and `search` are told of which sessions are meant. */
export interface FilterOptions {
  readonly since?: string;
  readonly until?: string;
  readonly source?: string;
  readonly user?: string;
  readonly password?: string;
  readonly command?: string;
  readonly file?: string;
  readonly sha256?: string;
  readonly client?: string;
  readonly hassh?: string;
  readonly forward?: string;
  readonly indicator?: string;
  readonly persona?: string;
  readonly profile?: string;
  readonly sandbox?: string;
  readonly loggedIn?: boolean;
  readonly failed?: boolean;
  readonly live?: boolean;
  readonly typist?: string;
  readonly minDuration?: string;
  readonly limit?: string;
}

/** Tells commander of them. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--since <time>", "only who came since then: 2h, 3d, today, 2026-11-23 or 2026-11-23T02:15 (UTC)")
    .option("--until <time>", "only who came until then; of a day, until its end")
    .option("--source <address>", "only from there: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32 or 203.0.*")
    .option("--user <name>", "only who tried this user name; * and ? stand for any text and any character")
    .option("--password <text>", "only who tried this password; with --user, both at once; * and ? as there")
    .option("--command <text>", "only who ran something that contains this")
    .option("--file <path>", "only where a file's path contains this, or matches it where it has * or ?")
    .option("--sha256 <hash>", "only where a file has this hash, or one that begins so")
    .option(
      "--client <version>",
      "only clients whose version contains this, or matches it where it has * or ?",
    )
    .option("--hassh <hash>", "only clients of this HASSH, or one that begins so")
    .option("--forward <target>", "only who asked to be connected to HOST:PORT; part of it, or with * and ?")
    .option(
      "--indicator <value>",
      "only who told this one, or left it: a URL, domain, address, hash, wallet, ...; * and ? as for --user",
    )
    .option("--persona <name>", "only who met this persona; * and ? as for --user")
    .option("--profile <name>", "only those for whom this profile of the policy held; its whole name")
    .option("--sandbox <id>", "only who was in this sandbox; the beginning of its id will do")
    .option("--logged-in", "only who got in")
    .option("--failed", "only who tried, and did not get in")
    .option("--live", "only who is there now")
    .option("--typist <who>", "only where a person typed (human), or a program (machine)")
    .option("--min-duration <time>", "only who stayed so long: 90s, 5m, 1h")
    .option("--limit <n>", "at most so many", "50");
}

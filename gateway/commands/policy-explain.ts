import { escapeText, toByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { isIP } from "node:net";
import type { Endpoint } from "../model/endpoint.ts";
import type { Policy } from "../model/policy.ts";
import { listener } from "../model/policy-units.ts";
import { explainSession } from "../policy/explain-session.ts";
import type { SessionExplanation } from "../policy/explain-session.ts";
import { KNOWN_AS } from "../policy/known-passwords.ts";
import { loadPlaced } from "../policy/load.ts";
import { parseTime } from "./human.ts";
import { shownPath } from "./paths.ts";

export interface ExplainOptions {
  readonly source: string;
  readonly user: string;
  readonly password: string;
  readonly attempt: string;
  readonly knownAs?: string;
  readonly at: string;
  readonly listener?: string;
  readonly json?: true;
}

/** Exit code 0 whatever the verdict is: the question was answered. */
export async function policyExplainCommand(file: string, options: ExplainOptions): Promise<number> {
  const attempt = Number(options.attempt);
  if (!Number.isSafeInteger(attempt) || attempt < 1)
    throw usage(
      `--attempt ${options.attempt} is no count.`,
      "Give a whole number from 1, such as --attempt 3.",
    );
  if (isIP(options.source) === 0)
    throw usage(`--source ${options.source} is no IP address.`, "Give one such as --source 203.0.113.7.");
  const knownAs = KNOWN_AS.find((one) => one === options.knownAs);
  if (options.knownAs !== undefined && knownAs === undefined)
    throw usage(
      `--known-as ${options.knownAs} is nothing that a password can be known as.`,
      `Give one of ${KNOWN_AS.join(", ")}.`,
    );
  const placed = await loadPlaced(shownPath(file));
  const now = Date.now();
  const at = options.at === "now" ? now : parseTime(options.at, now, "--at", "first") / 1000;
  const explanation = explainSession(
    placed,
    {
      address: options.source,
      user: bytes(options.user),
      password: bytes(options.password),
      method: "password",
      earlier: attempt - 1,
      ...(knownAs && { knownAs }),
    },
    { listener: listenerOf(options, placed.loaded.policy), at },
  );
  const { path: policy, hash } = placed.loaded;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ policy, hash, ...explanation }, undefined, 2)}\n`
      : render(explanation),
  );
  return 0;
}

/** The policy's first, if none is named. */
function listenerOf({ listener: given }: ExplainOptions, { listen }: Policy): Endpoint {
  if (given === undefined) return listen[0] ?? ANY_LISTENER;
  const parsed = listener.safeParse(given);
  if (!parsed.success)
    throw usage(
      `--listener ${given} is no port and no ADDRESS:PORT.`,
      "Give one such as --listener 22, or --listener 192.0.2.1:22.",
    );
  return { ...ANY_LISTENER, ...parsed.data };
}

const ANY_LISTENER: Endpoint = { address: "0.0.0.0", port: 2222 };

function render({ verdict, steps, values, profile, profiles }: SessionExplanation): string {
  const where = (at: { file: string; line: number } | undefined) =>
    at === undefined ? "default" : escapeText(`${at.file}:${at.line}`);
  const told = steps.map(({ rule, outcome, because, at }) => [
    escapeText(rule),
    outcome === "goes on" ? "-" : outcome,
    because,
    at === undefined && !rule.startsWith("auth.") ? "" : where(at),
  ]);
  const last = steps.at(-1);
  const held = values.map(({ path, value, at }) => [
    path,
    value === undefined ? "(none)" : escapeText(typeof value === "string" ? value : JSON.stringify(value)),
    where(at),
  ]);
  const decided = last?.at === undefined ? "" : ` (${where(last.at)})`;
  return [
    `${verdict.outcome}: ${escapeText(verdict.rule)}${decided}`,
    "A source that has a living sandbox, and that account in it, is judged by the sandbox itself.",
    "",
    ...(profiles.length === 0
      ? []
      : [
          profile === undefined
            ? "No profile matches:"
            : `The profile ${escapeText(profile)} is laid over the policy:`,
          ...aligned(
            profiles.map(({ profile: name, isMatch, because, at }) => [
              escapeText(name),
              isMatch ? "matches" : "-",
              because,
              where(at),
            ]),
          ),
          "",
        ]),
    "How it came to that:",
    ...aligned(told),
    "",
    "What would hold:",
    ...aligned(held),
    "",
  ].join("\n");
}

/** Columns as wide as their cells, but for those so long that the rest would be pushed out of sight. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => Math.min(row[column]?.length ?? 0, 60))),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

function bytes(text: string) {
  return toByteString(Buffer.from(text, "utf8"));
}

function usage(message: string, remedy: string): MitsubakoError {
  return new MitsubakoError("bad-usage", message, { remedy });
}

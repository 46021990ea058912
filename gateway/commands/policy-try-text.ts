import { escapeText, showable } from "../model/bytes.ts";
import { showSize } from "../policy/units.ts";
import { LIMITS } from "../policy/try/outcome.ts";
import type { Counted, Example, Outcome } from "../policy/try/outcome.ts";
import type { Way } from "../policy/try/outside.ts";
import { absoluteTime, count, table } from "./human.ts";

export interface Trial {
  readonly policy: string;
  readonly hash: string;
  /** Microseconds since 1970. */
  readonly since: number;
  /** `sandbox.most` of the policy. */
  readonly most: number;
  readonly outcome: Outcome;
  readonly outside: {
    readonly open: readonly string[];
    readonly ports: readonly {
      readonly port: number;
      readonly targets: number;
      readonly sessions: number;
      readonly way: Way;
    }[];
  };
}

export function renderTrial({ policy, since, most, outcome, outside }: Trial): string {
  const { sessions, attempts, letIn, newlyIn, newlyOut, limits, sandboxes, withoutPassword } = outcome;
  const { peak, made, memory, disk } = sandboxes;
  const hit = LIMITS.filter((limit) => limits[limit].count > 0);
  return [
    `${escapeText(policy)} on ${count(sessions, "session")} with ${count(attempts, "attempt")} since ${absoluteTime(since)} UTC`,
    "",
    `Let in: ${letIn.would} of ${sessions} (it was ${letIn.happened}).`,
    ...examples("Newly let in", newlyIn),
    ...examples("No longer let in", newlyOut),
    ...(withoutPassword === 0
      ? []
      : [
          `${count(withoutPassword, "attempt")} had a password that is not kept any more; one that no rule names stood for it.`,
        ]),
    "",
    hit.length === 0
      ? "No cap or deadline would have been met."
      : "Caps and deadlines that would have been met:",
    ...hit.flatMap((limit) => examples(limit, limits[limit])),
    "",
    `Sandboxes: ${made} in all, ${peak.count} at once at most${peak.at === undefined ? "" : ` (${absoluteTime(peak.at)})`} of ${most} allowed.`,
    `  They may take ${showSize(memory)} of memory and ${showSize(disk)} of disk together; spares come on top.`,
    "",
    outside.open.length === 0 ? "Open to the outside: nothing." : "Open to the outside:",
    ...outside.open.map((what) => `  ${what}`),
    ...(outside.ports.length === 0
      ? []
      : [
          "Where sandboxes turned, and what would become of it (taken for TCP; fenced addresses are never reached):",
          ...table(
            ["PORT", "TARGETS", "SESSIONS", ""],
            outside.ports.map(({ port, targets, sessions: by, way }) => [
              ...[String(port), String(targets), String(by)],
              { deny: "stopped", limited: "let out", sinkhole: "answered by the sinkhole" }[way],
            ]),
          )
            .trimEnd()
            .split("\n")
            .map((line) => `  ${line}`),
        ]),
    "",
    "Strangers are taken to do what they did until it would have ended. What they would have done inside instead is not known,",
    "nor how many bytes a sandbox would have sent: network.caps, network.rates and deadlines.idle are not tried.",
    "",
  ].join("\n");
}

function examples(what: string, counted: Counted): string[] {
  return [`  ${what}: ${counted.count}`, ...counted.examples.map((example) => `    ${show(example)}`)];
}

function show({ session, source, at, user, password, rule }: Example): string {
  const credential =
    user === undefined ? "" : `  ${showable(user)} / ${password === undefined ? "-" : showable(password)}`;
  return `${absoluteTime(at)}  ${session}  ${escapeText(source)}${credential}${rule === undefined ? "" : `  (${escapeText(rule)})`}`;
}

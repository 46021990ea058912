import { escapeText, showable } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { showSize } from "../policy/units.ts";
import { LIMITS } from "../policy/try/limits.ts";
import type { Counted, Example, Outcome } from "../policy/try/outcome.ts";
import type { Way } from "../policy/try/outside.ts";
import type { Reached } from "../policy/try/reach.ts";
import { absoluteTime, count, table } from "./human.ts";

export interface Trial {
  readonly policy: string;
  readonly hash: string;
  /** Microseconds since 1970. */
  readonly since: number;
  /** `sandbox.most` of the policy. */
  readonly most: number;
  /** Ready for nobody yet, all together; memory and disk in bytes. */
  readonly spares: { readonly count: number; readonly memory: number; readonly disk: number };
  readonly outcome: Outcome;
  /** What it opens to the outside, in words. */
  readonly open: readonly string[];
}

export function renderTrial({ policy, since, most, spares, outcome, open }: Trial): string {
  const { sessions, attempts, letIn, newlyIn, newlyOut, limits, sandboxes, profiles = {} } = outcome;
  const { peak, made, memory, disk } = sandboxes;
  const hit = LIMITS.filter((limit) => limits[limit].count > 0);
  return [
    `${escapeText(policy)} on ${count(sessions, "session")} with ${count(attempts, "attempt")} since ${absoluteTime(since)} UTC`,
    "",
    `Let in: ${letIn.would} of ${sessions} (it was ${letIn.happened}).`,
    ...examples("Newly let in", newlyIn),
    ...examples("No longer let in", newlyOut),
    ...Object.entries(profiles).map(
      ([name, ofIt]) => `  Profile ${escapeText(name)}: ${count(ofIt, "session")}`,
    ),
    "",
    hit.length === 0
      ? "No cap or deadline would have been met."
      : "Caps and deadlines that would have been met, by how many sessions, and when by the first:",
    ...hit.flatMap((limit) => examples(limit, limits[limit])),
    "",
    `Sandboxes: ${made} in all, ${peak.count} at once at most${peak.at === undefined ? "" : ` (${absoluteTime(peak.at)})`} of ${most} allowed.`,
    `  They may take ${showSize(memory)} of memory and ${showSize(disk)} of disk together${onTop(spares)}.`,
    "",
    open.length === 0 ? "Open to the outside: nothing." : "Open to the outside:",
    ...open.map((what) => `  ${escapeText(what)}`),
    ...destinations(outcome.outside),
    "",
    ...caveats(outcome),
    "Strangers are taken to do what they did until it would have ended. What they would have done instead is not known: see",
    "`What policy try can tell` in docs/policies.md.",
    "",
  ].join("\n");
}

function onTop({ count: number, memory, disk }: Trial["spares"]): string {
  return number === 0
    ? ""
    : `; ${count(number, "spare")} ${number === 1 ? "comes" : "come"} on top, with ${showSize(memory)} and ${showSize(disk)} at most`;
}

const WAYS: Readonly<Record<Way, string>> = {
  limited: "let out",
  name: "looked up by our resolver",
  sinkhole: "answered by the sinkhole",
  deny: "stopped",
};

function destinations({ tries, destinations: different, most }: Reached): string[] {
  if (most.length === 0) return [];
  const sums = (Object.keys(WAYS) as Way[])
    .filter((way) => tries[way] > 0)
    .map((way) => `${WAYS[way]} ${tries[way]} (${count(different[way], "destination")})`);
  const rows = most.map(({ protocol, address, port, sessions, tries: times, way }) => [
    ...[`${protocol} ${showEndpoint({ address, port })}`, String(sessions), String(times), WAYS[way]],
  ]);
  const shown = table(["DESTINATION", "SESSIONS", "TRIES", ""], rows).trimEnd().split("\n");
  return [`What sandboxes turned to: ${sums.join(", ")}.`, ...shown.map((line) => `  ${escapeText(line)}`)];
}

function caveats({ withoutPassword, cutThen, cappedThen, counted }: Outcome): string[] {
  return [
    ...(withoutPassword === 0
      ? []
      : [
          `${count(withoutPassword, "attempt")} had a password that is not kept any more; one that no rule names stood for it.`,
        ]),
    ...(cutThen === 0
      ? []
      : [
          `${count(cutThen, "session")} would have been let go on, and were ended by the policy of their time: what is met is met at least so often.`,
        ]),
    ...(cappedThen === 0
      ? []
      : [
          `In ${count(cappedThen, "session")} the sandbox used up a byte cap of its time: how much more it would have sent or received is not known.`,
        ]),
    ...(counted.sessions === 0
      ? []
      : [
          `Byte caps: of ${count(counted.sessions, "session")} it was counted what the sandbox sent and received${counted.atLeast === 0 ? "" : `; of ${counted.atLeast} of these that is "at least"`}.`,
        ]),
  ];
}

function examples(what: string, counted: Counted): string[] {
  return [`  ${what}: ${counted.count}`, ...counted.examples.map((example) => `    ${show(example)}`)];
}

function show({ session, source, at, user, password, rule }: Example): string {
  const credential =
    user === undefined ? "" : `  ${showable(user)} / ${password === undefined ? "-" : showable(password)}`;
  return `${absoluteTime(at)}  ${session}  ${escapeText(source)}${credential}${rule === undefined ? "" : `  (${escapeText(rule)})`}`;
}

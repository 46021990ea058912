import type { Observation } from "../../evidence/observation.ts";
import { count } from "../human.ts";
import { deed, failuresIn } from "./deed.ts";
import { someOf } from "./some.ts";
import { time } from "./time.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** What they did, in its order; like deeds that follow each other in one line. */
export function did({ evidence, recording }: SessionWhole, telling: Telling): string[] {
  const { summary, observations, leftOut } = evidence;
  const failures = failuresIn(observations);
  const lines: string[] = [];
  let last: { said: string; times: number } | undefined;
  for (const one of observations) {
    const said = telling.full || !isDetail(one) ? deed(one, failures) : undefined;
    if (said === undefined) continue;
    if (last?.said === said) {
      last.times++;
      lines[lines.length - 1] = `${(lines.at(-1) ?? "").replace(/ ×\d+$/, "")} ×${last.times}`;
    } else {
      last = { said, times: 1 };
      lines.push(`  ${time(entered(one))}  ${said}`);
    }
  }
  if (lines.length === 0) return summary.loggedIn ? ["They did nothing"] : [];
  const { commands, transfers, forwards } = summary;
  const counts = [
    ...(commands > 0 ? [count(commands, "command")] : []),
    ...(transfers > 0 ? [count(transfers, "transfer")] : []),
    ...(forwards > 0 ? [count(forwards, "forward")] : []),
  ].join(", ");
  return [
    `${recording.live ? "What they did so far" : "What they did"}${counts === "" ? "" : `: ${counts}`}`,
    ...someOf(
      lines,
      telling,
      { short: 14, full: 2000, least: 6 },
      (more) =>
        `… ${more} more (${telling.full ? "" : "--full, "}--json, or mitsubako play ${recording.session})`,
    ),
    ...(leftOut > 0 ? [`  … ${leftOut} that were too many to be kept (mitsubako play has them)`] : []),
  ];
}

/** What a program read is known to be its when it ends; it is told as entered before that. */
function entered(one: Observation): { readonly at: bigint } {
  return one.kind === "typed" && one.startedAt !== undefined ? { at: one.startedAt } : one;
}

/** What a tired reader can do without. */
function isDetail(one: Observation): boolean {
  switch (one.kind) {
    case "variable":
    case "subsystem":
    case "forward-data":
      return true;
    case "file-operation":
      return one.operation === "setstat";
    default:
      return false;
  }
}

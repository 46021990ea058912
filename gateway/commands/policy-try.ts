import { FENCES } from "../firewall/egress.ts";
import { triedSessions } from "../index/tried.ts";
import { loadPolicy } from "../policy/load.ts";
import { everyPolicy, resolve, resolvedProfiles } from "../policy/resolve.ts";
import { machineId } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import { opensUnder } from "../policy/try/outside.ts";
import { replayUnder } from "../policy/try/replay.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { parseTime, TERMINAL } from "./human.ts";
import { openIndex } from "./open-index.ts";
import { givenPath, shownPath } from "./paths.ts";
import { renderTrial } from "./policy-try-text.ts";
import type { Trial } from "./policy-try-text.ts";
import { progressOn } from "./progress.ts";

export interface TryOptions {
  readonly data: string;
  readonly since: string;
  readonly json?: true;
}

/** `mitsubako policy try`: what a policy would have made of who came. Changes nothing; exit code 0 whatever it would have been. */
export async function policyTryCommand(
  file: string,
  options: TryOptions,
  output = TERMINAL,
  progress = process.stderr.isTTY ? progressOn(process.stderr) : () => undefined,
): Promise<number> {
  const since = parseTime(options.since, output.now(), "--since", "first");
  const loaded = await loadPolicy(shownPath(file));
  const { policy, path, hash } = loaded;
  using index = await openIndex(givenPath(options.data), output);
  progress({ percent: 0, text: "reading who came" });
  const sessions = triedSessions(index.askEach, since);
  const outcome = replayUnder(policy, sessions, {
    fences: FENCES,
    policyOf: ({ address, listener, started }, user) => {
      const at = Math.floor(started / 1000);
      return resolve(loaded, { address, listener, at, ...(user === undefined ? {} : { user }) });
    },
    progress: (percent) => {
      progress({ percent, text: "trying the policy on who came" });
    },
  });
  progress({ percent: 100, text: "tried" });
  const trial: Trial = {
    ...{ policy: path, hash, since, most: policy.sandbox.most, spares: sparesOf(policy) },
    ...{ outcome, open: opensUnder(policy, resolvedProfiles(policy)) },
  };
  output.stdout.write(options.json ? `${jsonText(forPrograms(trial), 2)}\n` : renderTrial(trial));
  return 0;
}

/** Each machine has its own, and all of them are of the policy's own shape. */
function sparesOf(policy: Policy): Trial["spares"] {
  const machines = new Set(everyPolicy(policy).map(({ persona }) => machineId(persona))).size;
  const { spares, most, memory, swap, disk } = policy.sandbox;
  const count = Math.min(spares * machines, most);
  return { count, memory: count * (memory + swap), disk: count * disk };
}

/** Times as text, strangers' bytes as other commands print them. */
function forPrograms({ since, ...trial }: Trial): unknown {
  return { since: showMicros(since), ...(asJson(withTimes(trial)) as object) };
}

function withTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withTimes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]: [string, unknown]) => [
      key,
      key === "at" && typeof field === "number" ? showMicros(field) : withTimes(field),
    ]),
  );
}

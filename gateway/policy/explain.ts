/** Why an attempt gets the verdict that it gets, step by step, and where each value of the policy comes from. Pure. */
import type { ByteString } from "../model/bytes.ts";
import { isPassword, isUserName } from "../model/user-name.ts";
import { compiledRules, isRefused, refusalName } from "./decide.ts";
import type { AttemptToDecide, CompiledRule, Refusal, Verdict } from "./decide.ts";
import type { Place } from "./document.ts";
import type { PlacedPolicy } from "./load.ts";
import { showPath } from "./problem.ts";
import type { PolicyPath } from "./problem.ts";
import { isHexNumber, randomness, RANDOM_FROM } from "./random-looking.ts";
import { policyJsonSchema } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";
import { asWritten } from "./units.ts";

export interface Step {
  /** `user-name`, `auth.root`, a rule's name, `auth.otherwise`: as verdicts and recordings name it. */
  readonly rule: string;
  readonly outcome: "accept" | "reject" | "goes on";
  readonly because: string;
  /** Where it stands; absent where it is a default, or what no policy can change. */
  readonly at?: Place;
}

export interface ResolvedValue {
  readonly path: string;
  /** As a policy file would hold it; absent where the policy has none. */
  readonly value?: unknown;
  /** Absent where it is the default. */
  readonly at?: Place;
}

export interface Explanation {
  readonly verdict: Verdict;
  /** In the order in which they are looked at; the last one decides. */
  readonly steps: readonly Step[];
  readonly values: readonly ResolvedValue[];
}

export function explain(placed: PlacedPolicy, attempt: AttemptToDecide): Explanation {
  const steps: Step[] = [];
  for (const step of stepsOf(placed, attempt)) {
    steps.push(step);
    if (step.outcome !== "goes on")
      return { verdict: { outcome: step.outcome, rule: step.rule }, steps, values: resolvedValues(placed) };
  }
  throw new Error("the last step decides");
}

function* stepsOf(placed: PlacedPolicy, attempt: AttemptToDecide): Generator<Step> {
  const { policy } = placed.loaded;
  const { user, password, method, address, earlier } = attempt;
  const isTyped = method === "password" || method === "keyboard-interactive";
  yield step(
    "method",
    isTyped,
    isTyped ? `${method} carries a password` : `only a password can be let in, not ${method}`,
  );
  const isName = isUserName(user);
  yield step("user-name", isName, isName ? "an account can have that name" : "no account can have that name");
  const isTaken = password !== undefined && isPassword(password);
  yield step(
    "password",
    isTaken,
    isTaken ? "an account can have that password" : "no account can have that password",
  );

  const isShut = user === "root" && policy.auth.root === "refuse";
  const root = `auth.root is ${policy.auth.root}${user === "root" ? "" : ", and this is not root"}`;
  yield { ...step("auth.root", !isShut, root), ...placeOf(placed, ["auth", "root"]) };

  for (const [index, refusal] of policy.auth.refuse.entries()) {
    const typed = { password: password ?? user };
    const because = ofRefusal(refusal, typed.password, attempt.knownAs);
    yield {
      ...step(refusalName(refusal), !isRefused(refusal, typed, attempt.knownAs), because),
      ...placeOf(placed, ["auth", "refuse", index]),
    };
  }

  for (const [index, rule] of compiledRules(policy).entries()) {
    const at = placeOf(placed, ["auth", "rules", index]);
    const not = [
      ...(rule.user(user) ? [] : ["user"]),
      ...(rule.password(password ?? user) ? [] : ["password"]),
      ...(rule.source(address) ? [] : ["source"]),
    ];
    if (not.length > 0)
      yield { rule: rule.name, outcome: "goes on", because: `its ${not.join(" and ")} is another`, ...at };
    else yield { rule: rule.name, ...ofRule(rule, earlier + 1), ...at };
  }
  yield {
    rule: "auth.otherwise",
    outcome: policy.auth.otherwise,
    because: "no rule applies",
    ...placeOf(placed, ["auth", "otherwise"]),
  };
}

function step(rule: string, isGood: boolean, because: string): Step {
  return { rule, outcome: isGood ? "goes on" : "reject", because };
}

function ofRefusal(refusal: Refusal, password: ByteString, knownAs: AttemptToDecide["knownAs"]): string {
  if (knownAs === "right") return "the source was let in with that password before";
  switch (refusal) {
    case "random-looking": {
      if (isHexNumber(password)) return "it is a long number in base 16";
      const bits = randomness(password);
      return bits === undefined
        ? "nothing is said of such a password: it is short, without a letter, not ASCII, or known of bots"
        : `its pairs of characters are as rare as one in two to the ${bits.toFixed(1)}; ${RANDOM_FROM} is random`;
    }
    case "second-password":
      return knownAs === "other"
        ? "the source was let in as that user with another password"
        : "the source was not let in as that user";
    case "refused-before":
      return knownAs === "refused"
        ? "that password was refused to the source for that user"
        : "that password was not refused to the source for that user";
    default:
      return refusal satisfies never;
  }
}

function ofRule(
  { verdict, afterAttempts }: CompiledRule,
  attempt: number,
): Pick<Step, "outcome" | "because"> {
  if (afterAttempts === 1) return { outcome: verdict, because: "it applies" };
  const isEarly = attempt < afterAttempts;
  const because = `it applies, from the source's attempt ${afterAttempts} on; this is attempt ${attempt}`;
  return { outcome: isEarly ? "reject" : verdict, because };
}

/** Every key of the policy, in the schema's order. */
export function resolvedValues({ loaded, document }: PlacedPolicy): ResolvedValue[] {
  const written = asWritten(loaded.policy);
  return leavesOf(policyJsonSchema, []).map((path) => {
    const value = path.reduce<unknown>(
      (section, step) =>
        typeof section === "object" && section !== null ? Reflect.get(section, step) : undefined,
      written,
    );
    return {
      path: showPath(path),
      ...(value === undefined ? {} : { value }),
      ...placeOf({ document }, path),
    };
  });
}

function leavesOf({ properties = {} }: SchemaNode, above: PolicyPath): PolicyPath[] {
  return Object.entries(properties).flatMap(([key, node]) => {
    // What profiles say stands in the values that they give.
    if (above.length === 0 && (key === "extends" || key === "profiles")) return [];
    const path = [...above, key];
    return node.properties === undefined ? [path] : leavesOf(node, path);
  });
}

function placeOf({ document }: Pick<PlacedPolicy, "document">, path: PolicyPath): { at?: Place } {
  return document.kind(path) === undefined ? {} : { at: document.place(path) };
}

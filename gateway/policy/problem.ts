import { MitsubakoError } from "../model/errors.ts";
import { escapeText } from "../model/bytes.ts";

/** One thing that is wrong with a policy file. Lines and columns count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the policy, as `sandbox.memory` or `auth.rules[0].user`; empty for the file as a whole. */
  readonly path: string;
  /** What stands there. */
  readonly found?: string;
  /** What is allowed there, with an example. */
  readonly expected?: string;
  /** The valid key that was probably meant. */
  readonly nearest?: string;
  /** One sentence that says all of the above. */
  readonly message: string;
}

/** `policies/x.yaml:12:5: …`, the form that editors and terminals make a link of. */
export function renderProblem(problem: Problem): string {
  return escapeText(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`);
}

/** A policy was refused. Its message names every problem, one a line; nothing of the file is in force. */
export class PolicyError extends MitsubakoError {
  readonly problems: readonly Problem[];
  /** The files that it was to be made of, those too that are not there: when one of them changes, it may be valid. */
  readonly files: readonly string[];

  constructor(problems: readonly Problem[], files: readonly string[] = []) {
    super("policy-invalid", problems.map(renderProblem).join("\n"));
    this.problems = problems;
    this.files = files;
  }
}

export type PolicyPath = readonly (string | number)[];

/** `["auth", "rules", 0, "user"]` → `auth.rules[0].user`. */
export function showPath(path: PolicyPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const key = /^[A-Za-z_][\w-]*$/.test(step) ? step : JSON.stringify(step);
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

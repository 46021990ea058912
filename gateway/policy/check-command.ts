/** `mitsubako policy check` and `policy schema`, without argv and exit: what they find and how it is told. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import { escapeText } from "../model/bytes.ts";
import type { Circumstances } from "./circumstances.ts";
import { describePolicy } from "./describe.ts";
import { loadPlaced } from "./load.ts";
import { PolicyError, renderProblem } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { policyJsonSchema } from "./schema.ts";
import { warnings } from "./warnings.ts";

export interface CheckedFile {
  readonly file: string;
  readonly isValid: boolean;
  readonly problems: readonly Problem[];
  /** What is allowed and dangerous; of a file without problems. */
  readonly warnings: readonly Problem[];
  /** The file could not be read; it has no problems then, and is not valid. */
  readonly unreadable?: string;
  /** SHA-256 of a valid file's bytes, as recordings name it. */
  readonly hash?: string;
  /** The policy with every default, in canonical form. */
  readonly canonical?: string;
}

export interface Check {
  readonly ok: boolean;
  readonly files: readonly CheckedFile[];
  /** 0 all valid; 1 at least one is not; 2 at least one could not be read. */
  readonly exitCode: 0 | 1 | 2;
}

export interface CheckOptions {
  /** Warnings make a file invalid. */
  readonly isStrict?: boolean;
  readonly circumstances?: Circumstances;
}

/** Never throws for what is in a file or for a file that cannot be read. */
export async function checkPolicies(paths: readonly string[], options: CheckOptions = {}): Promise<Check> {
  const files = await Promise.all(paths.map((path) => checkOne(path, options)));
  const ok = files.every(({ isValid }) => isValid);
  const exitCode = ok ? 0 : files.some(({ unreadable }) => unreadable !== undefined) ? 2 : 1;
  return { ok, files, exitCode };
}

/** The policy files of a folder, for a call without arguments. */
export async function policyFilesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Problems are for stderr, one a line; what is valid is for stdout. */
export function renderCheck(check: Check): { readonly stdout: string; readonly stderr: string } {
  const lines = (list: readonly string[]) => list.map((line) => `${line}\n`).join("");
  return {
    stdout: lines(
      check.files.filter(({ isValid }) => isValid).map(({ file }) => `${escapeText(file)}: valid`),
    ),
    stderr: lines(
      check.files.flatMap(({ problems, warnings: dangers, unreadable }) => [
        ...problems.map(renderProblem),
        ...dangers.map((danger) => renderProblem({ ...danger, message: `warning: ${danger.message}` })),
        ...(unreadable === undefined ? [] : [escapeText(unreadable)]),
      ]),
    ),
  };
}

/** The whole check as one JSON text, for programs. */
export function checkAsJson({ ok, files }: Check): string {
  return JSON.stringify({ ok, files }, undefined, 2);
}

/** JSON Schema (draft 2020-12) of what a policy file may hold. */
export function policySchemaAsJson(): string {
  return JSON.stringify({ title: "Mitsubako policy", ...policyJsonSchema }, undefined, 2);
}

async function checkOne(file: string, { isStrict, circumstances = {} }: CheckOptions): Promise<CheckedFile> {
  try {
    const { loaded, document } = await loadPlaced(file);
    const dangers = warnings(loaded.policy, document, circumstances);
    const isValid = isStrict !== true || dangers.length === 0;
    const canonical = describePolicy(loaded);
    return { file, isValid, problems: [], warnings: dangers, hash: loaded.hash, canonical };
  } catch (error) {
    const nothing = { file, isValid: false, problems: [], warnings: [] };
    if (error instanceof PolicyError) return { ...nothing, problems: error.problems };
    if (!(error instanceof MitsubakoError)) throw error;
    const remedy = error.remedy === undefined ? "" : ` ${error.remedy}`;
    return { ...nothing, unreadable: `${error.message}${remedy}` };
  }
}

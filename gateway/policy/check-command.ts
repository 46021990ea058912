/** `mitsubako policy check` and `policy schema`, without argv and exit: what they find and how it is told. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import { escapeText } from "../model/bytes.ts";
import { describePolicy } from "./describe.ts";
import { loadPolicy } from "./load.ts";
import { PolicyError, renderProblem } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { policyJsonSchema } from "./schema.ts";

export interface CheckedFile {
  readonly file: string;
  readonly isValid: boolean;
  readonly problems: readonly Problem[];
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

/** Never throws for what is in a file or for a file that cannot be read. */
export async function checkPolicies(paths: readonly string[]): Promise<Check> {
  const files = await Promise.all(paths.map(checkOne));
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
      check.files.flatMap(({ problems, unreadable }) => [
        ...problems.map(renderProblem),
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

async function checkOne(file: string): Promise<CheckedFile> {
  try {
    const loaded = await loadPolicy(file);
    return { file, isValid: true, problems: [], hash: loaded.hash, canonical: describePolicy(loaded) };
  } catch (error) {
    if (error instanceof PolicyError) return { file, isValid: false, problems: error.problems };
    if (!(error instanceof MitsubakoError)) throw error;
    return { file, isValid: false, problems: [], unreadable: error.message };
  }
}

/** A policy file, and those that it extends → a frozen policy, or every problem in them at once. */
import { createHash } from "node:crypto";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import { policySchema } from "../model/policy.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { contradictions } from "./contradictions.ts";
import type { PolicyDocument } from "./document.ts";
import { explainIssues } from "./explain-issue.ts";
import { layered } from "./layers.ts";
import { parseFile, readBounded } from "./policy-file.ts";
import type { PolicyFile } from "./policy-file.ts";
import { PolicyError } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";
import { nodeAt } from "./schema.ts";
import { salvage } from "./salvage.ts";

/** The file itself and those that it extends, one after another: more than anybody can hold in the head. */
const MOST_FILES = 8;

/** A policy, and where each of its values stands. */
export interface PlacedPolicy {
  readonly loaded: LoadedPolicy;
  readonly document: PolicyDocument;
}

export type ParseResult = PlacedPolicy | { readonly problems: readonly [Problem, ...Problem[]] };

/** Throws MitsubakoError "policy-unreadable", or PolicyError ("policy-invalid") with every problem. */
export async function loadPolicy(path: string): Promise<LoadedPolicy> {
  return (await loadPlaced(path)).loaded;
}

/** As `loadPolicy`, with the places. */
export async function loadPlaced(path: string): Promise<PlacedPolicy> {
  const { files, problems, missing = [] } = await readChain(path);
  const result = parseChain(files, problems);
  if ("problems" in result)
    throw new PolicyError(result.problems, [...files.map((file) => file.path), ...missing]);
  return result;
}

/** Never throws, whatever the bytes are. `path` only names the file in problems; it cannot extend another one. */
export function parsePolicy(bytes: Uint8Array, path: string): ParseResult {
  const file = parseFile(bytes, path);
  const { base } = file;
  return parseChain([file], base === undefined ? [] : [problemOf(base, "cannot be followed from here")]);
}

type Chain = readonly [PolicyFile, ...PolicyFile[]];

interface ReadChain {
  readonly files: Chain;
  readonly problems: Problem[];
  /** What could not be read. */
  readonly missing?: readonly string[];
}

/** The file, the one that it extends, and so on, as far as they can be read. */
async function readChain(path: string): Promise<ReadChain> {
  const files: [PolicyFile, ...PolicyFile[]] = [parseFile(await readBounded(path), path)];
  for (;;) {
    const { base, path: from } = files.at(-1) ?? files[0];
    if (base === undefined) return { files, problems: [] };
    const next = isAbsolute(base.name) ? base.name : join(dirname(from), base.name);
    const stop = (reason: string) => ({ files, problems: [problemOf(base, reason)] });
    if (files.some((file) => resolve(file.path) === resolve(next)))
      return stop("extends this one: that would never end");
    if (files.length >= MOST_FILES) return stop(`is one too many: ${MOST_FILES} files is the most`);
    try {
      files.push(parseFile(await readBounded(next), next));
    } catch (error) {
      if (!(error instanceof MitsubakoError)) throw error;
      const reason = error.cause instanceof Error ? error.cause.message : error.message;
      return { ...stop(`cannot be read: ${reason}`), missing: [next] };
    }
  }
}

function problemOf({ name, ...place }: NonNullable<PolicyFile["base"]>, reason: string): Problem {
  const found = JSON.stringify(name);
  return { ...place, path: "extends", found, message: `extends names ${found}, which ${reason}` };
}

function parseChain(files: Chain, missing: readonly Problem[]): ParseResult {
  const problems = [...files.flatMap((file) => file.problems), ...missing];
  const documents = files.flatMap((file) => file.document ?? []);
  const [first, ...others] = documents;
  if (first === undefined || documents.length < files.length) return { problems: inOrder(problems, files) };
  const document = layered([first, ...others]);
  const value = withoutEmptySections(document.value ?? {});
  const parsed = policySchema.safeParse(value);
  // Without its base half of it would look like a contradiction.
  if (document.isReadable) problems.push(...judge(parsed, { ...document, value }, missing.length === 0));
  if (problems.length > 0) return { problems: inOrder(problems, files) };
  if (!parsed.success) throw new Error("a schema's failure without an issue");
  const loaded = {
    policy: parsed.data,
    path: files[0].path,
    bases: files.slice(1).map(({ path }) => path),
    hash: hashOf(files),
  };
  return { loaded: deepFreeze(loaded), document };
}

function hashOf(files: Chain): string {
  const hashes = files.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex"));
  const [only = ""] = hashes;
  if (hashes.length === 1) return only;
  return createHash("sha256")
    .update(hashes.map((hash) => `${hash}\n`).join(""))
    .digest("hex");
}

/** What is wrong with files that are YAML. */
function judge(
  parsed: ReturnType<typeof policySchema.safeParse>,
  document: PolicyDocument,
  isWhole: boolean,
): Problem[] {
  const rest = parsed.success ? parsed.data : salvage(document.value, parsed.error.issues);
  return [
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, document)),
    ...(rest === undefined || !isWhole ? [] : contradictions(rest, document)),
  ];
}

/** `auth:` with nothing but comments below is an empty section, not an error. Values without a value stay errors. */
function withoutEmptySections(value: unknown, path: PolicyPath = []): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const isSection = (key: string) => nodeAt([...path, key])?.properties !== undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, of]) => {
      if (!isSection(key)) return [[key, of]];
      return of === null ? [] : [[key, withoutEmptySections(of, [...path, key])]];
    }),
  );
}

/** By file as they extend each other, in each by place. */
function inOrder(problems: readonly Problem[], files: Chain): readonly [Problem, ...Problem[]] {
  const rank = new Map(files.map(({ path }, index) => [path, index]));
  const at = ({ file }: Problem) => rank.get(file) ?? 0;
  return problems.toSorted((a, b) => at(a) - at(b) || a.line - b.line || a.column - b.column) as [
    Problem,
    ...Problem[],
  ];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

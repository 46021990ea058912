/** A policy file → a frozen policy, or every problem in it at once. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { MitsubakoError } from "../model/errors.ts";
import { policySchema } from "../model/policy.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { contradictions } from "./contradictions.ts";
import { readDocument } from "./document.ts";
import type { PolicyDocument } from "./document.ts";
import { explainIssues } from "./explain-issue.ts";
import { PolicyError, showPath } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";
import { nodeAt } from "./schema.ts";
import { salvage } from "./salvage.ts";

/** A policy with long lists stays below this; the parser takes under a second for the worst that fits in. */
const LARGEST_FILE = 256 * 1024;

/** Throws MitsubakoError "policy-unreadable", or PolicyError ("policy-invalid") with every problem. */
export async function loadPolicy(path: string): Promise<LoadedPolicy> {
  const bytes = await readBounded(path);
  const result = parsePolicy(bytes, path);
  if ("problems" in result) throw new PolicyError(result.problems);
  return result.loaded;
}

export type ParseResult =
  { readonly loaded: LoadedPolicy } | { readonly problems: readonly [Problem, ...Problem[]] };

/** Never throws, whatever the bytes are. `path` only names the file in problems. */
export function parsePolicy(bytes: Uint8Array, path: string): ParseResult {
  const text = decode(bytes, path);
  if (typeof text !== "string") return { problems: [text] };
  const document = readDocument(text);
  const problems: Problem[] = document.problems.map(({ path: at, ...problem }) => ({
    file: path,
    ...problem,
    path: showPath(at),
  }));
  const parsed = policySchema.safeParse(withoutEmptySections(document.value ?? {}));
  if (document.isReadable) problems.push(...judge(parsed, document, path));
  if (isNotEmpty(problems)) return { problems: inOrder(problems) };
  if (!parsed.success) throw new Error("a schema's failure without an issue");
  const hash = createHash("sha256").update(bytes).digest("hex");
  return { loaded: deepFreeze({ policy: parsed.data, path, hash }) };
}

/** What is wrong with a file that is YAML. */
function judge(
  parsed: ReturnType<typeof policySchema.safeParse>,
  document: PolicyDocument,
  path: string,
): Problem[] {
  if (parsed.success) return contradictions(parsed.data, document, path);
  const rest = salvage(withoutEmptySections(document.value), parsed.error.issues);
  return [
    ...explainIssues(parsed.error.issues, document, path),
    ...(rest === undefined ? [] : contradictions(rest, document, path)),
  ];
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const stat = await file.stat();
    if (!stat.isFile()) throw new MitsubakoError("policy-unreadable", `${path} is not a file.`);
    const buffer = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } catch (error) {
    if (error instanceof MitsubakoError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitsubakoError("policy-unreadable", `The policy ${path} cannot be read: ${reason}.`, {
      remedy: "Give the path of a policy file with --policy, such as policies/default.yaml.",
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, file: string): string | Problem {
  if (bytes.length > LARGEST_FILE) {
    return { file, line: 1, column: 1, path: "", message: `the file is over ${LARGEST_FILE} bytes` };
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const good = validUtf8Prefix(bytes);
    const line = good.split("\n").length;
    const column = good.length - good.lastIndexOf("\n");
    return { file, line, column, path: "", message: "the file is not UTF-8 from here on" };
  }
}

function validUtf8Prefix(bytes: Uint8Array): string {
  // A stream decoder holds an unfinished sequence back and replaces a wrong one; what stands before the first replacement is good.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  for (let at = text.indexOf("\ufffd"); at !== -1; at = text.indexOf("\ufffd", at + 1)) {
    const before = Buffer.byteLength(text.slice(0, at));
    const isWritten = bytes[before] === 0xef && bytes[before + 1] === 0xbf && bytes[before + 2] === 0xbd;
    if (!isWritten) return text.slice(0, at);
  }
  return text;
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

function isNotEmpty<T>(list: readonly T[]): list is readonly [T, ...T[]] {
  return list.length > 0;
}

function inOrder(problems: readonly [Problem, ...Problem[]]): readonly [Problem, ...Problem[]] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column) as [Problem, ...Problem[]];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

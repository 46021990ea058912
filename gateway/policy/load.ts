/** A policy file, and those that it extends → a frozen policy, or every problem in them at once. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import { policySchema } from "../model/policy.ts";
import type { LoadedPolicy, Policy } from "../model/policy.ts";
import { filesNamedIn, NOTHING_KNOWN, readAddressFiles, unreadable } from "./address-files.ts";
import type { AddressFiles, NamedFile } from "./address-files.ts";
import { contradictions } from "./contradictions.ts";
import type { PolicyDocument } from "./document.ts";
import { explainIssues } from "./explain-issue.ts";
import { deepFreeze } from "./frozen.ts";
import { layered } from "./layers.ts";
import { inProfile, profiledPolicies } from "./overlay.ts";
import { nearest } from "./nearest.ts";
import { parseFile, readBounded } from "./policy-file.ts";
import type { PolicyFile } from "./policy-file.ts";
import { PolicyError, showPath } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";
import { profileFindings } from "./profile-findings.ts";
import { nodeAt } from "./schema.ts";
import { salvage } from "./salvage.ts";

/** The file itself and those that it extends, one after another: more than anybody can hold in the head. */
const MOST_FILES = 8;
/** Of a folder, that are looked through for the one that was meant. */
const MOST_NAMES = 1000;
const ENDING = /\.ya?ml$/;

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
  const read = readLayers(files);
  const named = filesNamed(read);
  const beside = read.document === undefined ? undefined : await readAddressFiles(named, read.document);
  const further = named.map((file) => file.path);
  const result = put(read, problems, beside);
  if ("problems" in result)
    throw new PolicyError(result.problems, [...files.map((file) => file.path), ...further, ...missing]);
  return result;
}

/** Never throws, whatever the bytes are. `path` only names the file in problems; it cannot extend or name another one. */
export function parsePolicy(bytes: Uint8Array, path: string): ParseResult {
  const file = parseFile(bytes, path);
  const { base } = file;
  const read = readLayers([file]);
  const named = filesNamed(read);
  const problems = read.document === undefined ? [] : unreadable(named, read.document);
  const missing = base === undefined ? [] : [problemOf(base, "cannot be followed from here")];
  return put(read, missing, { problems, addresses: NOTHING_KNOWN, files: [] });
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
      return stop("extends this one: that would never end. Remove one `extends` of the circle");
    if (files.length >= MOST_FILES)
      return stop(`is one too many: ${MOST_FILES} files is the most. Put two of them together`);
    try {
      files.push(parseFile(await readBounded(next), next));
    } catch (error) {
      if (!(error instanceof MitsubakoError)) throw error;
      const reason = error.cause instanceof Error ? error.cause.message : "it is not a file";
      const remedy = await remedyFor(next);
      return { ...stop(`cannot be read: ${reason}. ${remedy}`), missing: [next] };
    }
  }
}

/** What to write for a file that is extended and cannot be read. */
async function remedyFor(path: string): Promise<string> {
  const there = await readdir(dirname(path)).catch(() => []);
  const stems = new Map(
    there
      .filter((name) => name !== basename(path) && ENDING.test(name))
      .slice(0, MOST_NAMES)
      .map((name) => [name.replace(ENDING, ""), name]),
  );
  const meant = stems.get(nearest(basename(path).replace(ENDING, ""), [...stems.keys()]) ?? "");
  const question = meant === undefined ? "" : `Did you mean ${JSON.stringify(meant)}? `;
  return `${question}Write where the file is as seen from the folder of this one, such as default.yaml beside it, or its whole path`;
}

function problemOf({ name, ...place }: NonNullable<PolicyFile["base"]>, reason: string): Problem {
  const found = JSON.stringify(name);
  return { ...place, path: "extends", found, message: `extends names ${found}, which ${reason}` };
}

/** What the files say together, before anything of it is believed. */
interface Layers {
  readonly files: Chain;
  /** Absent where one of the files is no text. */
  readonly document?: PolicyDocument;
  readonly parsed?: ReturnType<typeof policySchema.safeParse>;
  /** The policy, or what remains of it without the values at fault. */
  readonly rest?: Policy;
}

function readLayers(files: Chain): Layers {
  const documents = files.flatMap((file) => file.document ?? []);
  const [first, ...others] = documents;
  if (first === undefined || documents.length < files.length) return { files };
  const layers = layered([first, ...others]);
  const value = withoutEmptySections(layers.value ?? {});
  const document = { ...layers, value };
  const parsed = policySchema.safeParse(value);
  const rest = parsed.success ? parsed.data : salvage(value, parsed.error.issues);
  return { files, document, parsed, ...(rest === undefined ? {} : { rest }) };
}

function filesNamed({ document, rest }: Layers): NamedFile[] {
  return document === undefined || rest === undefined ? [] : filesNamedIn(rest, document);
}

/** `missing`: what is wrong with the files that are extended. `beside`: of the files that the policy names. */
function put(
  { files, document, parsed, rest }: Layers,
  missing: readonly Problem[],
  beside: AddressFiles | undefined,
): ParseResult {
  const problems = [...files.flatMap((file) => file.problems), ...missing];
  if (document === undefined || parsed === undefined || beside === undefined)
    return { problems: inOrder(problems, files) };
  if (document.isReadable) {
    if (!parsed.success) problems.push(...explainIssues(parsed.error.issues, document));
    const told = problems.map(({ path }) => path);
    // Without its base half of it would look like a contradiction; so would what has lost a value that is told of already.
    if (rest !== undefined && missing.length === 0)
      problems.push(
        ...findingsOf(rest, document).filter(({ path }) => !told.some((at) => at.startsWith(`${path}.`))),
      );
    problems.push(...beside.problems);
  }
  if (problems.length > 0) return { problems: inOrder(problems, files) };
  if (!parsed.success) throw new Error("a schema's failure without an issue");
  const { addresses } = beside;
  const loaded = {
    policy: deepFreeze(parsed.data),
    path: files[0].path,
    bases: files.slice(1).map(({ path }) => path),
    files: beside.files,
    hash: hashOf(
      files,
      beside.files.map((file) => file.hash),
    ),
    addresses,
  };
  return { loaded: Object.freeze(loaded), document };
}

function hashOf(files: Chain, further: readonly string[]): string {
  const hashes = [...files.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex")), ...further];
  const [only = ""] = hashes;
  if (hashes.length === 1) return only;
  return createHash("sha256")
    .update(hashes.map((hash) => `${hash}\n`).join(""))
    .digest("hex");
}

/** What makes no sense together: in the policy, in its profiles, and in the policy with each of them laid over it. */
function findingsOf(policy: Policy, document: PolicyDocument): Problem[] {
  const own = contradictions(policy, document);
  const known = new Set(own.map(({ message }) => message));
  return [
    ...own,
    ...profileFindings(policy).map(({ path, message }) => ({
      ...document.place(path),
      path: showPath(path),
      message: `${showPath(path)} ${message}`,
    })),
    ...profiledPolicies(policy, document).flatMap((profile) =>
      contradictions(profile.policy, profile.document)
        .filter(({ message }) => !known.has(message))
        .map((problem) => inProfile(profile, problem)),
    ),
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
  const at = ({ file }: Problem) => rank.get(file) ?? files.length;
  return problems.toSorted((a, b) => at(a) - at(b) || a.line - b.line || a.column - b.column) as [
    Problem,
    ...Problem[],
  ];
}

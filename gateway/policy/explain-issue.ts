import { nearest } from "./nearest.ts";
import { showPath } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";
import type { PolicyDocument } from "./document.ts";
import { expectedText, nodeAt, policyJsonSchema } from "./schema.ts";

/** What zod reports and we need of it. */
interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}

/** The schema's findings as problems with places, what was found and what is allowed. */
export function explainIssues(issues: readonly Issue[], document: PolicyDocument): Problem[] {
  return issues.flatMap(deepest).flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
    return issue.keys === undefined
      ? [wrongValue(path, document)]
      : issue.keys.map((key) => unknownKey(path, key, document));
  });
}

/** A union's issue says only "none fits". When one branch got further in than the others, its finding is the one to tell. */
function deepest(issue: Issue): Issue[] {
  const inside = (issue.errors ?? []).find((branch) => branch.some((inner) => inner.path.length > 0));
  if (inside === undefined) return [issue];
  return inside.flatMap((inner) => deepest({ ...inner, path: [...issue.path, ...inner.path] }));
}

function unknownKey(path: PolicyPath, key: string, document: PolicyDocument): Problem {
  const valid = Object.keys(nodeAt(path)?.properties ?? {});
  const at = [...path, key];
  const guess = nearest(key, valid);
  const elsewhere = guess === undefined ? sectionOf(key) : undefined;
  const section = path.length === 0 ? "a policy" : showPath(path);
  const hint =
    guess !== undefined
      ? `; did you mean "${guess}"?`
      : elsewhere !== undefined
        ? `; did you mean ${elsewhere}?`
        : "";
  const expected = valid.join(", ");
  return {
    ...document.keyPlace(at),
    path: showPath(at),
    found: key,
    expected,
    ...(guess === undefined ? {} : { nearest: guess }),
    message: `"${key}" is not a key of ${section}${hint} (valid keys: ${expected})`,
  };
}

/** A key that is right in another section: indented wrongly, or one level off. */
function sectionOf(key: string): string | undefined {
  if (Object.hasOwn(policyJsonSchema.properties ?? {}, key)) return `${key} at the left margin`;
  const found = Object.entries(policyJsonSchema.properties ?? {}).find(([, section]) =>
    Object.hasOwn(section.properties ?? {}, key),
  );
  return found === undefined ? undefined : `${found[0]}.${key}`;
}

function wrongValue(path: PolicyPath, document: PolicyDocument): Problem {
  const node = nodeAt(path);
  const expected = node === undefined ? "another value" : expectedText(node);
  const value = valueAt(document.value, path);
  const name = path.length === 0 ? "a policy" : showPath(path);
  if (value === undefined) {
    const message = `${name} is missing; it takes ${expected}`;
    return { ...document.place(path), path: showPath(path), expected, message };
  }
  const found = describe(value, document.source(path));
  const quote =
    typeof value === "number" && node?.title === "matcher"
      ? "; put numbers in quotes, they are text here"
      : "";
  return {
    ...document.place(path),
    path: showPath(path),
    found,
    expected,
    message: `${name} has to be ${expected}; found ${found}${quote}`,
  };
}

/** Scalars as they are written in the file: 00123 is not shown as 123. */
function describe(value: unknown, source = JSON.stringify(value)): string {
  if (value === null) return "no value";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a section";
  const cut = source.length > 60 ? `${source.slice(0, 57)}...` : source;
  return typeof value === "string" ? JSON.stringify(cut) : `${cut} (a ${typeof value})`;
}

function valueAt(value: unknown, path: PolicyPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

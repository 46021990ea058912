/** A policy file over the files that it extends, seen as one document whose places are those of the file that each value is from. */
import type { PolicyDocument } from "./document.ts";
import type { PolicyPath } from "./problem.ts";

/** The first of the documents is the one that extends the others. One rule: sections are merged key by key, all else is replaced. */
export function layered(documents: readonly [PolicyDocument, ...PolicyDocument[]]): PolicyDocument {
  const [top] = documents;
  const find = (path: PolicyPath): { owner: PolicyDocument; at: PolicyPath } => {
    for (let length = path.length; length > 0; length--) {
      const at = path.slice(0, length);
      const owner = ownersOf(documents, at).find((document) => document.kind(at) !== undefined);
      if (owner !== undefined) return { owner, at };
    }
    return { owner: top, at: [] };
  };
  return {
    value: documents.map(({ value }) => value).reduceRight((base, over) => merged(base, over)),
    problems: documents.flatMap(({ problems }) => problems),
    isReadable: documents.every(({ isReadable }) => isReadable),
    place(path) {
      const { owner, at } = find(path);
      return owner.place(at);
    },
    keyPlace(path) {
      const { owner, at } = find(path);
      return owner.keyPlace(at);
    },
    source: (path) => find(path).owner.source(path),
    kind: (path) =>
      ownersOf(documents, path)
        .map((document) => document.kind(path))
        .find((kind) => kind !== undefined),
  };
}

/** The documents that can have a say at `path`: what is no section, somewhere on the way there, hides what lies below it. */
function ownersOf(documents: readonly PolicyDocument[], path: PolicyPath): readonly PolicyDocument[] {
  let owners = documents;
  for (let length = 1; length < path.length; length++) {
    const at = path.slice(0, length);
    const hiding = owners.findIndex((document) => isHiding(document, at));
    if (hiding === -1) continue;
    const above = owners.slice(0, hiding).filter((document) => document.kind(at) === "section");
    owners = above.length > 0 ? above : owners.slice(hiding, hiding + 1);
  }
  return owners;
}

function isHiding(document: PolicyDocument, at: PolicyPath): boolean {
  const kind = document.kind(at);
  return kind === "list" || kind === "scalar";
}

function merged(base: unknown, over: unknown): unknown {
  // `auth:` with nothing below it takes nothing away.
  if (over === undefined || (over === null && isSection(base))) return base;
  if (!isSection(over) || !isSection(base)) return over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries(
    [...keys].map((key) => [key, Object.hasOwn(over, key) ? merged(own(base, key), over[key]) : base[key]]),
  );
}

function own(section: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(section, key) ? section[key] : undefined;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

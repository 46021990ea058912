/**
 * A YAML 1.2 file as plain values, each with the place where it stands. We walk the parser's tree ourselves, so that
 * duplicate keys, tags, aliases and nesting are bounded and reported by place, whatever the file holds.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, ParsedNode } from "yaml";
import { showPath } from "./problem.ts";
import type { PolicyPath } from "./problem.ts";
import { yamlMessage } from "./yaml-message.ts";

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface DocumentProblem extends Place {
  readonly path: PolicyPath;
  readonly message: string;
}

export interface PolicyDocument {
  /** Mappings become plain objects, an empty file `undefined`. */
  readonly value: unknown;
  readonly problems: readonly DocumentProblem[];
  /** False when the text is no YAML or too much of it: then there is no value that could be looked at further. */
  readonly isReadable: boolean;
  /** Where the value at `path` stands; the nearest enclosing place if it is absent. */
  place(path: PolicyPath): Place;
  /** Where the key stands that the value at `path` belongs to. */
  keyPlace(path: PolicyPath): Place;
  /** The scalar at `path` as it is written in the file, without quotes. */
  source(path: PolicyPath): string | undefined;
  /** What stands at `path`; undefined where nothing does. */
  kind(path: PolicyPath): Kind | undefined;
}

export type Kind = "section" | "list" | "scalar" | "empty";

/** Far above what the schema can hold; below what a parser's recursion and an alias bomb can do. */
const DEEPEST = 16;
const MOST_NODES = 100_000;
const MOST_PROBLEMS = 50;

/** `file` only names it in places. */
export function readDocument(text: string, file: string): PolicyDocument {
  const lines = new LineCounter();
  // The parser's own check for duplicate keys compares each with each (8 s for 15,000 keys); ours is below.
  const parsed = parseDocument(text, {
    lineCounter: lines,
    version: "1.2",
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: "error",
  });
  return new Walk(parsed, lines, file).document();
}

interface Located {
  readonly place: Place;
  readonly key: Place;
  readonly source: string | undefined;
  readonly kind: Kind;
}

class Walk {
  readonly #parsed: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #file: string;
  readonly #problems: DocumentProblem[] = [];
  readonly #located = new Map<string, Located>();
  readonly #anchors = new Map<string, ParsedNode>();
  #nodes = 0;
  #isReadable = true;

  constructor(parsed: Document.Parsed, lines: LineCounter, file: string) {
    this.#parsed = parsed;
    this.#lines = lines;
    this.#file = file;
  }

  document(): PolicyDocument {
    // The parser's warnings are of unknown tags; the walk refuses each tag itself.
    const lines = new Set<number>();
    for (const error of this.#parsed.errors) {
      const place = this.#placeAt(error.pos[0]);
      // What else the parser says of a line follows from the first mistake in it.
      if (!lines.has(place.line)) this.#problem([], place, yamlMessage(error));
      lines.add(place.line);
      this.#isReadable = false;
    }
    const yaml = this.#parsed.directives.yaml;
    if (yaml.explicit === true && yaml.version !== "1.2") {
      this.#problem([], this.#placeAt(0), `a policy is YAML 1.2, this file says %YAML ${yaml.version}`);
      this.#isReadable = false;
    }
    const start = this.#placeAt(0);
    const root = this.#parsed.contents;
    const value = root === null || !this.#isReadable ? undefined : this.#value(root, [], start, DEEPEST);
    const find = (path: PolicyPath): Located | undefined => {
      for (let length = path.length; length >= 0; length--) {
        const located = this.#located.get(showPath(path.slice(0, length)));
        if (located !== undefined) return located;
      }
      return undefined;
    };
    return {
      value,
      problems: this.#problems,
      isReadable: this.#isReadable,
      place: (path) => find(path)?.place ?? start,
      keyPlace: (path) => find(path)?.key ?? start,
      source: (path) => this.#located.get(showPath(path))?.source,
      kind: (path) => this.#located.get(showPath(path))?.kind,
    };
  }

  #value(node: ParsedNode, path: PolicyPath, key: Place, depth: number): unknown {
    const place = this.#placeAt(node.range[0]);
    if (++this.#nodes > MOST_NODES || depth === 0) {
      if (this.#nodes <= MOST_NODES + 1) {
        const what = depth === 0 ? `nested over ${DEEPEST} deep` : `more than ${MOST_NODES} values`;
        this.#problem(
          path,
          place,
          `${what}: no policy looks like this; remove what is too much, and write values out in the place of & and *`,
        );
        this.#nodes = MOST_NODES + 1;
        this.#isReadable = false;
      }
      return undefined;
    }
    const located = { place, key, source: isScalar(node) ? node.source : undefined, kind: kindOf(node) };
    this.#located.set(showPath(path), located);
    if (node.tag !== undefined && !isAlias(node)) {
      this.#problem(
        path,
        place,
        `${node.tag} is a YAML tag here, which a policy has no use for; put text that starts with "!" in quotes`,
      );
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target !== undefined) return this.#value(target, path, key, depth - 1);
      this.#problem(
        path,
        place,
        `*${node.source} stands for nothing: no &${node.source} comes before it; text that starts with * goes in quotes`,
      );
      return undefined;
    }
    const anchor = node.anchor;
    const value = isMap(node)
      ? this.#map(node.items, path, depth)
      : isSeq(node)
        ? node.items.map((item, index) =>
            this.#value(item, [...path, index], this.#placeAt(item.range[0]), depth - 1),
          )
        : node.value;
    // Only now: an alias inside its own anchor would never end.
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    return value;
  }

  #map(
    items: readonly { key: ParsedNode; value: ParsedNode | null }[],
    path: PolicyPath,
    depth: number,
  ): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    const first = new Map<string, Place>();
    for (const item of items) {
      // Other keys than scalars are errors already (stringKeys), and then nothing is walked.
      const key = isScalar(item.key) ? item.key.source : "";
      const place = this.#placeAt(item.key.range[0]);
      const at = [...path, key];
      const before = first.get(key);
      if (before !== undefined) {
        this.#problem(
          at,
          place,
          `${showPath(at)} is given twice, before in line ${before.line}; write it once`,
        );
        continue;
      }
      first.set(key, place);
      entries.set(key, item.value === null ? null : this.#value(item.value, at, place, depth - 1));
      if (item.value === null)
        this.#located.set(showPath(at), { place, key: place, source: undefined, kind: "empty" });
    }
    // Object.fromEntries defines own properties, `__proto__` included, so that no key escapes the schema.
    return Object.fromEntries(entries);
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #problem(path: PolicyPath, place: Place, message: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push({ path, ...place, message });
  }
}

function kindOf(node: ParsedNode): Kind {
  if (isMap(node)) return "section";
  if (isSeq(node)) return "list";
  return isScalar(node) && node.value === null ? "empty" : "scalar";
}

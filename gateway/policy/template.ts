/** The annotated template of `policy init`: every key with what it means, what it takes and its default, made from the schema. */
import { stringify } from "yaml";
import { expectedText, policyJsonSchema } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";

const WIDTH = 110;

/** Keys that are lists of entries: what one entry may look like. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  "auth.rules": [
    "- { name: own scanners, source: 192.0.2.0/24, verdict: reject }",
    "- { name: root after three tries, user: root, verdict: accept, afterAttempts: 3 }",
  ],
  profiles: [
    "- { name: own scanner, match: { source: 192.0.2.0/24 }, deadlines: { session: 5m } }",
    '- { name: night, match: { time: { from: "22:00", to: "06:00" } }, sandbox: { life: 1h } }',
  ],
  "network.ports": ['- { protocol: tcp, ports: "80,443", egress: sinkhole }'],
};

/**
 * A policy that says what an empty one means. What has no default is there as a comment, with an example.
 * `schema`: where an editor finds the JSON Schema, a path relative to the file or a URL.
 */
export function policyTemplate(schema: string): string {
  return [
    `# yaml-language-server: $schema=${schema}`,
    "#",
    ...comment(
      "A policy of Mitsubako, with every key at its default. Lines may be removed: what is not here is the default. A file with a mistake is refused as a whole; a change takes effect when the file is saved.",
      "",
    ),
    ...Object.entries(policyJsonSchema.properties ?? {}).flatMap(([key, node]) => [
      "",
      ...lines(key, node, []),
    ]),
    "",
  ].join("\n");
}

function lines(key: string, node: SchemaNode, above: readonly string[]): string[] {
  const path = [...above, key];
  const indent = "  ".repeat(above.length);
  const about = comment(node.description ?? "", indent);
  if (node.properties !== undefined) {
    const keys = Object.entries(node.properties).flatMap(([child, of]) => lines(child, of, path));
    const section = [...about, `${indent}${key}:`, ...keys];
    // A section that is not there by default would be there with its first key.
    return node.default === undefined ? section.map(asComment) : section;
  }
  const entries = ENTRIES[path.join(".")];
  if (entries !== undefined) {
    const example = [`${key}:`, ...entries.map((entry) => `  ${entry}`)].map((line) => `${indent}# ${line}`);
    return [...about, `${indent}${key}: []`, ...example];
  }
  const takes = comment(`Takes ${expectedText(node)}.`, indent);
  const given = `${indent}${assignment(key, node.default ?? exampleOf(node))}`;
  return [...about, ...takes, node.default === undefined ? asComment(given) : given];
}

/** The line as a comment that stands where the line would stand. */
function asComment(line: string): string {
  const text = line.trimStart();
  return text.startsWith("#") ? line : `${line.slice(0, line.length - text.length)}# ${text}`;
}

function assignment(key: string, value: unknown): string {
  return `${key}: ${stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd()}`;
}

function exampleOf(node: SchemaNode): unknown {
  if (node.examples?.[0] !== undefined) return node.examples[0];
  if (node.enum !== undefined) return node.enum[0];
  if (node.items !== undefined) return [exampleOf(node.items)];
  const named = /such as (?:"([^"]+)"|([^ ,]+))/.exec(node.expected ?? "");
  const example = named?.[1] ?? named?.[2];
  if (node.type === "number" && example !== undefined) return Number(example);
  return example ?? node.minimum ?? "a text of yours";
}

function comment(text: string, indent: string): string[] {
  const most = WIDTH - indent.length - 2;
  const rows: string[] = [];
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const last = rows.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) rows.push(word);
    else rows[rows.length - 1] = `${last} ${word}`;
  }
  return rows.map((row) => `${indent}# ${row}`);
}

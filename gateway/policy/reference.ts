/** The pages of docs/ that are made from the schemas; `write-documents.ts` writes them, a test holds them current. */
import { ERROR_CODES } from "../model/errors.ts";
import { nodeAt, expectedText, policyJsonSchema } from "./schema.ts";
import type { PolicyPath } from "./problem.ts";
import type { SchemaNode } from "./schema.ts";

const MADE = "<!-- Made by `node gateway/policy/write-documents.ts`; do not edit. -->";

export function policyReference(): string {
  const sections = Object.entries(policyJsonSchema.properties ?? {});
  const plain = sections.filter(([, node]) => node.properties === undefined);
  const grouped = sections.filter(([, node]) => node.properties !== undefined);
  return [
    MADE,
    "",
    "# Policy reference",
    "",
    "A policy is a YAML 1.2 file. Every key may be left out; an empty file is the default policy. Unknown keys are errors.",
    "`mitsubako policy check FILE` tells every mistake with its line; `mitsubako policy schema` prints the JSON Schema for editors.",
    "`extends: FILE` begins from another policy file: sections are merged key by key, everything else, lists too, is replaced as a whole.",
    "A running gateway takes a changed file over when it is saved or on SIGHUP, and refuses one with a mistake as a whole.",
    "",
    "## Values",
    "",
    "- **duration**: a number and `ms`, `s`, `m`, `h` or `d`: `90s`, `10m`, `1.5h`, `1d`. A bare number is an error.",
    "- **size**: a number and a unit, or bytes: `128m`, `5 MiB`, `10GB`, `65536`. `k m g t` and `KiB MiB GiB TiB` are powers of 1024, `kB MB GB TB` powers of 1000. Case does not matter.",
    "- **rate**: `20/hour`: so many at once, then one more each time its share of the hour has passed; `second`, `minute`, `hour`, `day`.",
    "- **bitrate**: `128kbit`, `1mbit`, `10gbit`: bits a second, in powers of 1000.",
    '- **range**: an address or a CIDR range: `192.0.2.7`, `192.0.2.0/24`, `"2001:db8::/32"`. IPv4 ranges also hold for IPv4 addresses that arrive on an IPv6 socket.',
    "- **matcher**: a name; a glob, in which `*` is any text, `?` any one byte and `\\` takes the meaning from the character after it; `/a regular expression/` with the flags `i`, `m` and `s`; or a list of which one has to match. Upper and lower case differ. Expressions have [RE2's syntax](https://github.com/google/re2/wiki/Syntax): no look-around and no back-references, so that no name or password can keep one busy; a rule before the rule does what look-around would have done. They match anywhere in the text unless `^` and `$` say otherwise, and see bytes: `é` is `\\xc3\\xa9`. Put matchers that hold digits only, or begin with one of `* ! & @ % > |`, in quotes.",
    "",
    "## Who is let in",
    "",
    "The verdict on a password is the first of these that applies:",
    "",
    "1. A source that has a living sandbox, and a user whose account in it has a password: that sandbox's own `sshd` decides.",
    "2. What no account can have is refused: user names that are not 1 to 32 characters of `A-Z a-z 0-9 _ . -` (with a `$` allowed at the end, no dash at the start, not digits only, not `.` or `..`), empty passwords, passwords over 511 bytes, passwords with a NUL or a newline in them. Recordings call these rules `user-name` and `password`.",
    "3. `auth.root: refuse` refuses root.",
    "4. `auth.refuse`, in its order, unless the source was let in with that very password before.",
    "5. The rules of `auth.rules`, in their order: the first that applies decides.",
    "6. `auth.otherwise`.",
    "",
    "## Keys",
    "",
    ...table(plain.map(([key, node]) => ({ key, node }))),
    "",
    ...grouped.flatMap(([section, node]) => sectionLines(section, node)),
    ...entryLines("auth.rules", ["auth", "rules", 0]),
    ...entryLines("network.ports", ["network", "ports", 0]),
    ...profileLines(),
  ].join("\n");
}

/** The section's own keys, then the sections within it. */
function sectionLines(section: string, node: SchemaNode): string[] {
  const keys = Object.entries(node.properties ?? {}).map(([key, of]) => ({
    key: `${section}.${key}`,
    node: of,
  }));
  return [
    `### ${section}`,
    "",
    node.description ?? "",
    "",
    ...table(keys.filter(({ node: of }) => of.properties === undefined)),
    "",
    ...keys.flatMap(({ key, node: of }) => (of.properties === undefined ? [] : sectionLines(key, of))),
  ];
}

function entryLines(list: string, path: PolicyPath): string[] {
  return [
    `### ${list}[…]`,
    "",
    `What one entry of \`${list}\` holds.`,
    "",
    ...table(Object.entries(nodeAt(path)?.properties ?? {}).map(([key, node]) => ({ key, node }))),
    "",
  ];
}

/** What it matches in full; of what it sets the keys, since they mean what they mean in the policy. */
function profileLines(): string[] {
  const { name, match, ...parts } = nodeAt(["profiles", 0])?.properties ?? {};
  const rows = Object.entries(parts).flatMap(([section, node]) => [
    [`\`${section}\``, keysOf(node).join(", "), node.description ?? ""],
  ]);
  return [
    "### profiles[…]",
    "",
    "Of `profiles` the first one that matches, in everything that its `match` asks for, is laid over the policy; no other one is.",
    "",
    ...table([...(name === undefined ? [] : [{ key: "name", node: name }])]),
    "",
    ...(match === undefined ? [] : sectionLines("match", match)),
    "What a profile may set. A key means what it means in the policy; one that is absent stays as it is there.",
    "",
    ...markdownTable(["Section", "Keys", "Meaning"], rows),
    "",
  ];
}

function keysOf({ properties = {} }: SchemaNode): string[] {
  return Object.entries(properties).flatMap(([key, node]) =>
    node.properties === undefined
      ? [`\`${key}\``]
      : keysOf(node).map((inner) => `\`${key}.${inner.slice(1)}`),
  );
}

export function errorReference(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { exit, meaning }]) => [
    `\`${code}\``,
    String(exit),
    meaning,
  ]);
  return [
    MADE,
    "",
    "# Errors",
    "",
    "Every error has a stable code, shown with `--json` and in logs. Commands end with 0 when all is well, 1 when what was asked about is bad, 2 when the call or the machine is at fault.",
    "",
    ...markdownTable(["Code", "Exit code", "Meaning"], rows),
    "",
  ].join("\n");
}

function table(keys: readonly { key: string; node: SchemaNode }[]): string[] {
  return markdownTable(
    ["Key", "Takes", "Default", "Meaning"],
    keys.map(({ key, node }) => [`\`${key}\``, takes(node), defaultOf(node), node.description ?? ""]),
  );
}

function takes(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((word) => `\`${word}\``).join(", ");
  if (node.items?.enum !== undefined)
    return `a list of ${node.items.enum.map((word) => `\`${word}\``).join(", ")}`;
  if (node.items?.properties !== undefined) return "a list of rules, see below";
  return expectedText(node);
}

function defaultOf(node: SchemaNode): string {
  return node.default === undefined ? "" : `\`${JSON.stringify(node.default).replace(/^"(.*)"$/, "$1")}\``;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

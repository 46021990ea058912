import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Fields } from "../../gateway/events/field.ts";
import { COMMON_FIELDS, EVENTS } from "../../gateway/events/schema.ts";

const DOCUMENT = join(import.meta.dirname, "..", "..", "docs/events.md");

for (const [part, table] of Object.entries({ "common fields": commonFields(), events: events() }))
  test(`docs/events.md tells the schema: ${part}`, () => {
    const written = readFileSync(DOCUMENT, "utf8");
    const wanted = written.replace(
      new RegExp(`(<!-- ${part}: made from the schema -->\n)[^]*(<!-- /${part} -->)`),
      (_, open: string, close: string) =>
        `${open}\n<!-- prettier-ignore-start -->\n${table}<!-- prettier-ignore-end -->\n\n${close}`,
    );
    assert.ok(written.includes(`<!-- ${part}: made from the schema -->`));
    if (process.env["MITSUBAKO_WRITE_DOCS"] === "1") writeFileSync(DOCUMENT, wanted);
    else assert.equal(written, wanted, "run this test with MITSUBAKO_WRITE_DOCS=1 and look at what changed");
  });

function commonFields(): string {
  const rows = Object.entries(COMMON_FIELDS).map(([name, { type, meaning = "" }]) => [
    `\`${name}\``,
    type,
    meaning,
  ]);
  return markdown(["field", "type", ""], rows);
}

function events(): string {
  let before = "";
  const rows = Object.entries(EVENTS).map(([name, { when, fields }]) => {
    const described = describe(fields);
    const told = described === before ? "the same" : described;
    before = described;
    return [`\`${name}\``, when, told];
  });
  return markdown(["`cowrie.`", "when", "fields (`?`: may be missing)"], rows);
}

function describe(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, { type, optional, meaning }]) => {
      const about = meaning === undefined ? type : `${type}: ${meaning}`;
      return `\`${name}\`${optional === true ? "?" : ""} (${about})`;
    })
    .join(", ");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`)
    .join("");
}

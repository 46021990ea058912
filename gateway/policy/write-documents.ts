/** Writes the documents that are made from the schemas: `node gateway/policy/write-documents.ts`. */
import { writeFile } from "node:fs/promises";
import { policySchemaAsJson } from "./check-command.ts";
import { errorReference, policyReference } from "./reference.ts";

/** Path from the project's folder, and content. */
export function documents(): Readonly<Record<string, string>> {
  return {
    "docs/policy-reference.md": policyReference(),
    "docs/errors.md": errorReference(),
    "policies/policy.schema.json": `${policySchemaAsJson()}\n`,
  };
}

if (import.meta.main) {
  for (const [path, content] of Object.entries(documents())) {
    await writeFile(new URL(`../../${path}`, import.meta.url), content);
  }
}

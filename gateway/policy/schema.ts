/** The schema as JSON Schema, for editors, for the reference page and for saying what is allowed at a place. */
import { z } from "zod";
import { policySchema } from "../model/policy.ts";
import type { PolicyPath } from "./problem.ts";

/** The part of JSON Schema that zod writes for our schema. `expected` is our own keyword (policy-units.ts). */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly expected?: string;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** What a file may hold beside the policy itself: it is gone once the policy is loaded. */
const fileSchema = z.strictObject({
  extends: z
    .string()
    .optional()
    .meta({ expected: "the path of another policy file, seen from this one", examples: ["default.yaml"] })
    .describe(
      "A policy file that this one begins from. What stands here replaces what stands there: sections key by key, everything else, lists too, as a whole.",
    ),
  ...policySchema.shape,
});

export const policyJsonSchema: SchemaNode = z.toJSONSchema(fileSchema, { io: "input" }) as SchemaNode;

/** What the schema says of the place, list indices included; undefined where no such key exists. */
export function nodeAt(path: PolicyPath): SchemaNode | undefined {
  let node: SchemaNode | undefined = policyJsonSchema;
  for (const step of path) {
    if (typeof step === "number") node = itemsOf(node);
    else node = Object.hasOwn(node.properties ?? {}, step) ? node.properties?.[step] : undefined;
    if (node === undefined) return undefined;
  }
  return node;
}

function itemsOf(node: SchemaNode): SchemaNode | undefined {
  return node.items ?? node.anyOf?.find((choice) => choice.items !== undefined)?.items;
}

/** What is allowed there, in words, with an example where the words are not one. */
export function expectedText(node: SchemaNode): string {
  if (node.expected !== undefined) return node.expected;
  if (node.enum !== undefined) return listOr(node.enum);
  if (node.anyOf !== undefined) return listOr(node.anyOf.map(expectedText));
  switch (node.type) {
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return `a ${node.type === "integer" ? "whole " : ""}number from ${node.minimum} to ${node.maximum}`;
    case "array": {
      const least = node.minItems === undefined ? "" : ` with at least ${node.minItems} entry`;
      return node.items === undefined ? `a list${least}` : `a list${least}, each ${expectedText(node.items)}`;
    }
    case "object":
      return `a section with ${listOr(Object.keys(node.properties ?? {}))}`;
    default:
      return "text";
  }
}

function listOr(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

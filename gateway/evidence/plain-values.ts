import type { ByteString } from "../model/bytes.ts";

/** What is looked at in the JSON of facts: it was written by a process that may have been taken over. */

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

export function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
}

export function isBytes(value: unknown, longest: number): value is ByteString {
  return typeof value === "string" && value.length <= longest && /^[\0-\xff]*$/.test(value);
}

export function isAddress(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f:.]{2,45}$/.test(value);
}

import { createHash } from "node:crypto";

/** Of the STIX specification (section 2.9): two producers give the same observable the same id. */
const OBSERVABLES = "00abedb4-aa42-466c-9c01-fed23315a9b7";
/** Ours, for what the specification leaves to its producer: the same sessions give the same bundle. */
const OURS = "5c0a9c1e-7b0d-4a56-9a57-3d1f2a5f6c11";

export type StixId = `${string}--${string}`;

/** The id of an observable, out of the properties that the specification names for its type. */
export function observableId(type: string, contributing: Readonly<Record<string, unknown>>): StixId {
  return `${type}--${uuid5(OBSERVABLES, canonicalJson(contributing))}`;
}

/** The id of an object of ours. @param parts what makes it this one and no other. */
export function ourId(type: string, ...parts: readonly string[]): StixId {
  return `${type}--${uuid5(OURS, JSON.stringify([type, ...parts]))}`;
}

/**
 * For a type without such properties, where the specification wants a UUID of version 4: one that is made of what it is about instead of
 * chance.
 */
export function namelessId(type: string, ...parts: readonly string[]): StixId {
  const bytes = createHash("sha256")
    .update(OURS)
    .update(JSON.stringify([type, ...parts]))
    .digest();
  return `${type}--${uuidOf(bytes, 4)}`;
}

/** RFC 4122 section 4.3, with SHA-1. */
function uuid5(namespace: string, name: string): string {
  const bytes = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest();
  return uuidOf(bytes, 5);
}

function uuidOf(bytes: Buffer, version: 4 | 5): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | (version << 4), 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** RFC 8785: keys in the order of their UTF-16 units, nothing between. JSON.stringify writes strings and numbers as that wants. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(",")}}`;
}

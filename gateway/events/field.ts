/** What a field of an event holds. One name has one kind of value in all events: consumers index by name. */
export type FieldType =
  /** Ours: a word or a path that we chose. */
  | "string"
  /** A stranger's; `textField` makes it, with the exact bytes beside it where they are not UTF-8. */
  | "text"
  | "integer"
  | "boolean"
  /** A list of strings. */
  | "strings"
  | "sha256"
  | "md5"
  /** An address, never a name. */
  | "ip"
  /** Seconds with one digit after the point, as a string. */
  | "decimal"
  | "hex"
  /** `2026-11-23T02:15:37.223438Z`. */
  | "time";

export interface Field {
  readonly type: FieldType;
  /** It may be missing. */
  readonly optional?: true;
  /** For the documents, where the name does not say it. */
  readonly meaning?: string;
}

export type Fields = Readonly<Record<string, Field>>;

/** One event of the schema: its name without `cowrie.` is the key under which it stands. */
export interface EventRow {
  /** What made it, for the documents. */
  readonly when: string;
  /** Beyond the common ones (schema.ts); one of the same name replaces it. In the order of the documents. */
  readonly fields: Fields;
}

export type EventRows = Readonly<Record<string, EventRow>>;

export function field(type: FieldType, meaning?: string): Field {
  return { type, ...(meaning === undefined ? {} : { meaning }) };
}

/** A field that may be missing. */
export function maybe(type: FieldType, meaning?: string): Field {
  return { ...field(type, meaning), optional: true };
}

/** In events of one channel. */
export const CHANNEL: Fields = {
  mitsubako_channel: field("integer"),
};

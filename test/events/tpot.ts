/**
 * What T-Pot does with a line of Cowrie's log, as its Logstash filter and its index template say (docker/elk/logstash/dist in
 * telekom-security/tpotce, read in 2026): facts of theirs in words of ours.
 */

export interface Document {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970; undefined: the time of its arrival. */
  readonly time: number | undefined;
  /** What the geographic lookups are asked about. */
  readonly geo: unknown;
}

/** Undefined: the line is dropped. */
export function throughLogstash(line: string): Document | undefined {
  const parsed = parse(line);
  if (parsed === undefined) return undefined;
  // The input gives its type only to events that have none: those of keys keep theirs, and pass the filter by, Cowrie's own as well.
  const fields: Record<string, unknown> = { ...parsed, type: parsed["type"] ?? "Cowrie" };
  let time: number | undefined;
  if (fields["type"] === "Cowrie") {
    time = iso8601(fields["timestamp"]);
    if (time === undefined) fields["tags"] = ["_dateparsefailure"];
    rename(fields, "dst_port", "dest_port");
    rename(fields, "dst_ip", "dest_ip");
  }
  for (const [field, convert] of CONVERTED) if (field in fields) fields[field] = convert(fields[field]);
  return { fields, time, geo: fields["src_ip"] };
}

const toInteger = (value: unknown) => Math.trunc(Number(value));
const CONVERTED: readonly (readonly [string, (value: unknown) => unknown])[] = [
  ["dest_port", toInteger],
  ["src_port", toInteger],
  ["status", toInteger],
  ["id", String],
  ["request", String],
];

function rename(fields: Record<string, unknown>, from: string, to: string): void {
  if (!(from in fields)) return;
  fields[to] = fields[from];
  Reflect.deleteProperty(fields, from);
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** To the millisecond, as Logstash keeps time. */
function iso8601(value: unknown): number | undefined {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d*Z$/.exec(typeof value === "string" ? value : "");
  return found === null ? undefined : Date.parse(`${found[1] ?? ""}Z`);
}

/** The index: the first document that has a field says what it is, and later ones that differ are refused. */
export class Index {
  readonly #types = new Map<string, string>([
    ["dest_port", "number"],
    ["src_port", "number"],
  ]);

  /** What it refuses, one sentence each. */
  add({ fields }: Document): string[] {
    const refused: string[] = [];
    for (const [name, value] of Object.entries(fields)) {
      const type = typeOf(value);
      const known = this.#types.get(name) ?? type;
      this.#types.set(name, known);
      if (known !== type) refused.push(`${name} is ${type}, and was ${known}`);
    }
    return refused;
  }

  get fields(): number {
    return this.#types.size;
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return [...new Set(value.map(typeOf))].join() || "string";
  return typeof value === "object" ? "object" : typeof value;
}

/** The events of Cowrie's schema that we emit, as docs/events.md tells them: each field with its type; `?` where it may be missing. */
export type FieldType =
  "string" | "integer" | "boolean" | "strings" | "sha256" | "md5" | "ip" | "decimal" | "hex" | "time";

export const COMMON: Record<string, FieldType> = {
  eventid: "string",
  timestamp: "time",
  session: "string",
  src_ip: "ip",
  src_port: "integer",
  dst_ip: "string",
  dst_port: "integer",
  protocol: "string",
  sensor: "string",
  uuid: "string",
  message: "string",
  mitsubako_sequence: "integer",
};

const KEY = { "fingerprint?": "string", "key?": "string", "type?": "string", "password?": "string" } as const;

/** Ours: Cowrie has no word for what its shell could never try. */
const NETWORK = {
  dst_ip: "ip",
  dst_port: "integer",
  "data?": "string",
  "late?": "boolean",
  mitsubako_protocol: "string",
  mitsubako_rule: "string",
  mitsubako_src_port: "integer",
  mitsubako_count: "integer",
  "mitsubako_name?": "string",
  "mitsubako_size?": "integer",
} as const;

export const EVENTS: Record<string, Record<string, FieldType>> = {
  "session.connect": { src_port: "integer", dst_ip: "ip", dst_port: "integer" },
  "client.version": { version: "string" },
  "client.kex": {
    hassh: "md5",
    hasshAlgorithms: "string",
    kexAlgs: "strings",
    keyAlgs: "strings",
    encCS: "strings",
    macCS: "strings",
    compCS: "strings",
    langCS: "strings",
  },
  "client.fingerprint": { username: "string", fingerprint: "string", key: "string", type: "string" },
  "client.size": { width: "integer", height: "integer" },
  "client.var": { name: "string", value: "string" },
  "client.malformed_packet": { messagenum: "integer", datalen: "integer", data: "hex" },
  "login.success": { username: "string", ...KEY },
  "login.failed": { username: "string", ...KEY },
  "session.params": { arch: "string" },
  "command.input": { input: "string" },
  "session.file_download": {
    "url?": "string",
    outfile: "string",
    shasum: "sha256",
    duplicate: "boolean",
    "destfile?": "string",
    "late?": "boolean",
  },
  "session.file_upload": {
    filename: "string",
    outfile: "string",
    shasum: "sha256",
    "duplicate?": "boolean",
    "url?": "string",
    "destfile?": "string",
  },
  "log.closed": {
    ttylog: "string",
    size: "integer",
    shasum: "sha256",
    duplicate: "boolean",
    duration: "decimal",
    duration_ms: "integer",
  },
  "direct-tcpip.request": { dst_ip: "string", dst_port: "integer", orig_ip: "string", orig_port: "integer" },
  "direct-tcpip.data": { dst_ip: "string", dst_port: "integer", data: "string", id: "integer" },
  "network.denied": NETWORK,
  "network.capped": NETWORK,
  "network.allowed": NETWORK,
  "network.sinkholed": NETWORK,
  "session.closed": { duration: "decimal", duration_ms: "integer" },
};

const CHECKS: Record<FieldType, (value: unknown) => boolean> = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  strings: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  sha256: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  md5: (value) => typeof value === "string" && /^[0-9a-f]{32}$/.test(value),
  ip: (value) => typeof value === "string" && /^[0-9a-f:.]+$/.test(value),
  decimal: (value) => typeof value === "string" && /^\d+\.\d$/.test(value),
  hex: (value) => typeof value === "string" && /^([0-9a-f]{2})*$/.test(value),
  time: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(value),
};

/** What is wrong with an event, one sentence each. */
export function faults(event: Record<string, unknown>): string[] {
  const name = String(event["eventid"]).replace(/^cowrie\./, "");
  const own = EVENTS[name];
  if (own === undefined) return [`${name} is no event of ours`];
  const fields = { ...COMMON, ...own };
  const wrong: string[] = [];
  for (const [field, type] of Object.entries(fields)) {
    const key = field.replace("?", "");
    if (!(key in event)) {
      if (!field.endsWith("?")) wrong.push(`${name} has no ${key}`);
    } else if (!CHECKS[type](event[key])) {
      wrong.push(`${name}.${key} is no ${type}: ${JSON.stringify(event[key])}`);
    }
  }
  const known = new Set(Object.keys(fields).map((field) => field.replace("?", "")));
  for (const key of Object.keys(event))
    if (!known.has(key) && !key.startsWith("mitsubako_"))
      wrong.push(`${name} has a field ${key} that Cowrie's has not`);
  return wrong;
}

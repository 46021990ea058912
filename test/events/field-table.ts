/** Holds events against the schema (gateway/events/schema.ts): each field by itself, and the order of a session's events. */
import { isIP } from "node:net";
import type { FieldType } from "../../gateway/events/field.ts";
import { COMMON_FIELDS, EVENTS } from "../../gateway/events/schema.ts";
import { WEBHOOK_COMMON } from "../../gateway/events/webhook-event.ts";

export { EVENTS };

const isString = (value: unknown): value is string => typeof value === "string";
const like = (pattern: RegExp) => (value: unknown) => isString(value) && pattern.test(value);

const CHECKS: Record<FieldType, (value: unknown) => boolean> = {
  string: isString,
  text: isString,
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
  strings: (value) => Array.isArray(value) && value.every(isString),
  sha256: like(/^[0-9a-f]{64}$/),
  md5: like(/^[0-9a-f]{32}$/),
  ip: (value) => isString(value) && isIP(value) !== 0,
  decimal: like(/^\d+\.\d$/),
  hex: like(/^([0-9a-f]{2})*$/),
  time: like(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
};

/** What is wrong with an event by itself, one sentence each. */
export function faults(event: Readonly<Record<string, unknown>>): string[] {
  const name = nameOf(event);
  const row = EVENTS[name];
  if (row === undefined) return [`${name} is no event of ours`];
  const common = Object.entries(COMMON_FIELDS).filter(
    ([key]) => !/^(webhook|policy)\./.test(name) || WEBHOOK_COMMON.includes(key),
  );
  const fields = { ...Object.fromEntries(common), ...row.fields };
  const wrong: string[] = [];
  for (const [key, { type, optional }] of Object.entries(fields)) {
    if (key in event) {
      if (!CHECKS[type](event[key]))
        wrong.push(`${name}.${key} is no ${type}: ${JSON.stringify(event[key])}`);
    } else if (optional !== true) {
      wrong.push(`${name} has no ${key}`);
    }
  }
  for (const key of Object.keys(event))
    if (fields[key] === undefined && !isExactBytes(key, fields, event[key]))
      wrong.push(`${name} has a field ${key} that stands in no table`);
  if (event["late"] === false) wrong.push(`${name}.late says false`);
  return wrong;
}

/** The companion of a text field that is not UTF-8. */
function isExactBytes(key: string, fields: Readonly<Record<string, { type: FieldType }>>, value: unknown) {
  const of = /^mitsubako_(.+)_bytes$/.exec(key)?.[1];
  return (
    of !== undefined &&
    fields[of]?.type === "text" &&
    isString(value) &&
    Buffer.from(value, "base64").toString("base64") === value
  );
}

/** What is wrong with the order of one session's events, from its first to its last, one sentence each. */
export function orderFaults(events: readonly Readonly<Record<string, unknown>>[]): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  const commanded = new Set<unknown>();
  const forwards = new Set<unknown>();
  let before: Readonly<Record<string, unknown>> = {};
  for (const [place, event] of events.entries()) {
    const name = nameOf(event);
    const fault = (what: string) => wrong.push(`event ${place}, ${name}: ${what}`);
    const channel = event["mitsubako_channel"] ?? event["id"];
    if (event["mitsubako_sequence"] !== place) fault(`its number is ${String(event["mitsubako_sequence"])}`);
    if (event["session"] !== events[0]?.["session"]) fault("it is of another session");
    if ((place === 0) !== (name === "session.connect")) fault("connect is first, and only there");
    if ((event["late"] === true) !== seen.has("session.closed")) fault("late is what follows the close");
    if (event["late"] !== true && timeOf(event) < timeOf(before)) fault("it goes back in time");
    for (const needed of AFTER.find(([what]) => what.test(name))?.[1] ?? [])
      if (!seen.has(needed)) fault(`it comes before ${needed}`);
    if ((nameOf(before) === "login.success") !== (name === "session.params"))
      fault("params are told right after a login, and only there");
    if ((nameOf(before) === "log.closed") !== (name === "session.closed"))
      fault("the session is closed right after its log");
    if (/^command\.(failed|success)$/.test(name) && !commanded.has(channel)) fault("of no command");
    if (name === "client.var" && commanded.has(channel)) fault("a variable after the channel's command");
    if (name === "direct-tcpip.data" && !forwards.has(channel)) fault("of no forward that was asked for");
    if (name === "command.input") commanded.add(channel);
    if (name === "direct-tcpip.request") forwards.add(channel);
    if (seen.has(name) && ONCE.test(name)) fault("it was told before");
    seen.add(name);
    before = event;
  }
  if (!seen.has("session.closed")) wrong.push("the session is not closed");
  return wrong;
}

const ONCE = /^(?:session\.(?:connect|closed)|log\.closed|client\.(?:version|kex))$/;

/** What cannot be without what. The first that fits a name holds. */
const AFTER: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^client\.kex$/, ["client.version"]],
  [/^(?:login\.|client\.fingerprint$)/, ["client.kex"]],
  [/^(?:command\.|session\.file_|direct-tcpip\.|client\.(?:size|var)$)/, ["login.success"]],
  [/^session\.closed$/, ["log.closed"]],
];

function nameOf(event: Readonly<Record<string, unknown>>): string {
  return String(event["eventid"]).replace(/^cowrie\./, "");
}

/** As text, which sorts by time. */
function timeOf({ timestamp }: Readonly<Record<string, unknown>>): string {
  return isString(timestamp) ? timestamp : "";
}

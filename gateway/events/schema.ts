import { CLIENT_EVENTS } from "./client.ts";
import { COMMAND_EVENTS } from "./command.ts";
import { CAPTURED_FILE_EVENTS } from "./captured-files.ts";
import { FAILED_DOWNLOAD_EVENTS } from "./failed-downloads.ts";
import { field, maybe, type EventRows, type Fields } from "./field.ts";
import { FORWARD_EVENTS } from "./forward.ts";
import { LOGIN_EVENTS } from "./login.ts";
import { NETWORK_EVENTS } from "./network.ts";
import { POLICY_EVENTS } from "./policy-event.ts";
import { PROCESS_EVENTS } from "./process.ts";
import { SESSION_CLOSING_EVENTS, SESSION_EVENTS } from "./session.ts";
import { UPLOAD_EVENTS } from "./upload.ts";
import { WEBHOOK_EVENTS } from "./webhook-event.ts";

/**
 * Every event that we write, by its name without `cowrie.`, in the order of docs/events.md, whose table is made from this. A new one is
 * a row here, by way of the file that maps it.
 */
export const EVENTS: EventRows = {
  ...SESSION_EVENTS,
  ...CLIENT_EVENTS,
  ...LOGIN_EVENTS,
  ...COMMAND_EVENTS,
  ...UPLOAD_EVENTS,
  ...FAILED_DOWNLOAD_EVENTS,
  ...FORWARD_EVENTS,
  ...NETWORK_EVENTS,
  ...PROCESS_EVENTS,
  ...SESSION_CLOSING_EVENTS,
  ...CAPTURED_FILE_EVENTS,
  ...WEBHOOK_EVENTS,
  ...POLICY_EVENTS,
};

/** Fields of every event, in the order in which they are written. */
export const COMMON_FIELDS: Fields = {
  eventid: field("string", "`cowrie.` and the name below"),
  timestamp: field("time", "`2026-11-23T02:15:37.223438Z`: when it happened, not when it was written"),
  session: field("string", "twelve hexadecimal characters"),
  mitsubako_sequence: field(
    "integer",
    "number of the event within its session, from 0. With `session` it names an event: a reader that sees it twice can drop one",
  ),
  src_ip: field("ip", "the attacker"),
  src_port: field("integer", "the attacker's"),
  dst_ip: field(
    "ip",
    "where they connected to (in `direct-tcpip.*`, `network.*`, `process.connect`: where they, or their sandbox, wanted to go)",
  ),
  dst_port: field("integer", "likewise"),
  protocol: field("string", "`ssh`"),
  sensor: field("string", "`sensor` of the policy, or the host's name"),
  uuid: field("string", "this gateway's own, from `data/gateway.json`"),
  message: field("string", "a sentence for people; its wording may change"),
  late: maybe("boolean", "only where true: told after the session's end"),
};

import { asText } from "../model/bytes.ts";
import type { Offered, Tried } from "../evidence/observation.ts";
import type { EventBody, EventValue } from "./cowrie-event.ts";
import { field, maybe, type EventRows, type Fields } from "./field.ts";
import { textField } from "./text-fields.ts";

const KEY = {
  fingerprint: field("string", "MD5 with colons"),
  key: field("string", "OpenSSH's line"),
  type: field("text"),
  mitsubako_fingerprint_sha256: field("string"),
};

const LOGIN: Fields = {
  username: field("text"),
  password: maybe("text", "not where a key was tried"),
  mitsubako_password_dropped: maybe(
    "boolean",
    "true, in place of `password`, where `retention` has dropped it",
  ),
  fingerprint: maybe("string", "of a key, as are `key`, `type` and the next: MD5 with colons"),
  key: maybe("string", "OpenSSH's line"),
  type: maybe("text"),
  mitsubako_fingerprint_sha256: maybe("string"),
  mitsubako_method: field("string"),
  mitsubako_attempt: field("integer", "from 1"),
  mitsubako_decided_by: maybe("string", "`policy`, `sandbox`, `protocol`"),
  mitsubako_rule: maybe("string", "of the policy"),
  mitsubako_profile: maybe("string", "of the policy, where one matched"),
  mitsubako_new_password: maybe("text", "of a password change"),
};

export const LOGIN_EVENTS: EventRows = {
  "client.fingerprint": {
    when: "a public key was shown, whether asked about or used; once for each key and user",
    fields: { username: field("text"), ...KEY },
  },
  "login.failed": { when: "an attempt was refused, or got no answer", fields: LOGIN },
  "login.success": { when: "an attempt was accepted", fields: LOGIN },
  "session.params": {
    when: "after `login.success`",
    fields: { arch: field("string", "such as `linux-x64-lsb`") },
  },
};

export function keyShown(offered: Offered): EventBody {
  return {
    eventid: "cowrie.client.fingerprint",
    message: `Public key ${offered.fingerprintMd5} shown for ${asText(offered.user)}`,
    ...textField("username", offered.user),
    ...keyFields(offered),
  };
}

/**
 * A question whether a key would do is an offer (client.fingerprint), not a login; nor is "none", by which clients
 * ask for the methods. An attempt that got no answer failed.
 *
 * @param arch as `session.params` says it, such as `linux-x64-lsb`.
 */
export function login(tried: Tried, arch: string): EventBody[] {
  if (tried.method === "none" || tried.outcome === "key-acceptable") return [];
  const accepted = tried.outcome === "accepted";
  const event: EventBody = {
    eventid: accepted ? "cowrie.login.success" : "cowrie.login.failed",
    message: `Login ${accepted ? "accepted" : "refused"} for ${asText(tried.user)} by ${tried.method}`,
    ...textField("username", tried.user),
    ...secretOf(tried),
    mitsubako_method: tried.method,
    mitsubako_attempt: tried.number,
    ...(tried.newPassword === undefined ? {} : textField("mitsubako_new_password", tried.newPassword)),
    ...(tried.by === undefined ? {} : { mitsubako_decided_by: tried.by }),
    ...(tried.rule === undefined ? {} : { mitsubako_rule: tried.rule }),
    ...(tried.profile === undefined ? {} : { mitsubako_profile: tried.profile }),
  };
  return accepted
    ? [event, { eventid: "cowrie.session.params", message: `Machine is ${arch}`, arch }]
    : [event];
}

function secretOf({ key, password, passwordDropped }: Tried): Record<string, EventValue> {
  if (key !== undefined) return keyFields(key);
  return passwordDropped === true
    ? { mitsubako_password_dropped: true }
    : textField("password", password ?? "");
}

function keyFields(key: Omit<Offered, "kind" | "user">): Record<string, EventValue> {
  const type = asText(key.algorithm);
  return {
    fingerprint: key.fingerprintMd5,
    key: `${type} ${key.blob}`,
    ...textField("type", key.algorithm),
    mitsubako_fingerprint_sha256: key.fingerprintSha256,
  };
}

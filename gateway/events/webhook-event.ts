import { field, type EventRows } from "./field.ts";

/** Of no session: the courier says it to the receiver alone, and it stands in no file. */
export const WEBHOOK_EVENTS: EventRows = {
  "webhook.dropped": {
    when: "only to a webhook's receiver, of no session: before it the spool was full, or its disk",
    fields: { mitsubako_lost: field("integer", "how many events") },
  },
};

/** The common fields that it has. */
export const WEBHOOK_COMMON: readonly string[] = ["eventid", "timestamp", "sensor", "uuid", "message"];

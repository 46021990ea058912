import type { PolicyNews } from "../model/archivist-messages.ts";
import type { EventBody } from "./cowrie-event.ts";
import { field, type EventRows } from "./field.ts";

/** Of no session, and in no recording: `rebuild` does not make them again; data/policy-history.jsonl keeps what they say. */
export const POLICY_EVENTS: EventRows = {
  "policy.changed": {
    when: "of no session: another policy came into force, as its file was saved or on SIGHUP",
    fields: {
      mitsubako_policy: field("sha256", "of the policy file"),
      mitsubako_changes: field("strings", 'as `sandbox.idle: "1h" → "2h" (at once)`'),
    },
  },
  "policy.refused": {
    when: "of no session: the policy's file was changed and refused",
    fields: {
      mitsubako_policy: field("sha256", "of the one that stays in force"),
      mitsubako_reasons: field("strings", "every mistake, with its file, line and column"),
    },
  },
};

export function policyEvent(
  news: PolicyNews,
  about: { readonly sensor: string; readonly uuid: string },
): EventBody {
  // Ours count microseconds.
  const timestamp = news.at.replace(/Z$/, "000Z");
  const common = { timestamp, ...about, mitsubako_policy: news.hash };
  return news.outcome === "changed"
    ? {
        eventid: "cowrie.policy.changed",
        ...common,
        mitsubako_changes: news.changes,
        message: `Another policy is in force, ${news.changes.length} of its values changed`,
      }
    : {
        eventid: "cowrie.policy.refused",
        ...common,
        mitsubako_reasons: news.reasons,
        message: "The policy's file was refused, the old policy stays in force",
      };
}

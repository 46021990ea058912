/** The part of a policy that sends events to a receiver of the operator's. */
import { z } from "zod";
import { durationBetween, sizeBetween } from "./policy-units.ts";

const file = z
  .string()
  .regex(/^\/[^\0]{1,4000}$/)
  .meta({
    title: "path",
    expected: "an absolute path such as /etc/mitsubako/webhook-headers",
    examples: ["/etc/mitsubako/webhook-headers"],
  });

const webhookUrl = z
  .string()
  .max(2048)
  .refine(isWebhookUrl)
  .meta({
    title: "URL",
    expected:
      "an http or https URL such as https://siem.example/events, without user, password or #; those go into `headersFile`",
    examples: ["https://siem.example/events"],
  });

const eventName = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,62}(?:\.\*)?$/)
  .meta({
    title: "event",
    expected: "the name of an event without `cowrie.`, such as login.success, or network.* for all of these",
    examples: ["login.success", "network.*"],
  });

const batch = z.strictObject({
  events: z.int().min(1).max(10_000).default(500).describe("Most events of one request."),
  bytes: sizeBetween("1k", "16m")
    .prefault("1m")
    .describe("Most bytes of one request's body; an event that is longer is sent by itself."),
  wait: durationBetween("0s", "1h")
    .prefault("2s")
    .describe("How long an event waits for others to go with it, unless these come first."),
});

const retry = z.strictObject({
  first: durationBetween("100ms", "1h").prefault("1s").describe("Pause after the first failure."),
  most: durationBetween("100ms", "24h")
    .prefault("5m")
    .describe(
      "The pause is doubled after each failure, to this; each is shortened by chance by up to half. A receiver's `Retry-After` is waited for, to one hour at most.",
    ),
});

export const webhook = z.strictObject({
  url: webhookUrl.describe("Where events are sent to, by POST. Has to be given."),
  headersFile: file
    .optional()
    .describe(
      "A file of `Name: value` lines that are sent along, such as `Authorization: Bearer …`. It has to be root's, and nobody else's to read.",
    ),
  caFile: file
    .optional()
    .describe("PEM certificates that the receiver's has to come from, in place of the public authorities'."),
  plaintext: z
    .boolean()
    .default(false)
    .describe("Allows `http://` to other machines: everything, passwords included, can be read on the way."),
  format: z
    .enum(["json-lines", "json-array"])
    .default("json-lines")
    .describe("A request's body: one event a line (`application/x-ndjson`), or one JSON array."),
  only: z
    .array(eventName)
    .min(1)
    .max(100)
    .optional()
    .describe("Events that are sent, by their names without `cowrie.`; all if absent."),
  batch: batch.prefault({}).describe("What one request holds."),
  timeout: durationBetween("100ms", "10m")
    .prefault("15s")
    .describe("From the first step of a connection to the end of the answer."),
  retry: retry.prefault({}).describe("What happens while the receiver takes nothing."),
  spool: sizeBetween("1m", "1 TiB")
    .prefault("256m")
    .describe(
      "Room on the disk for events that were not taken yet. Beyond it the oldest are dropped, counted, and told of when the receiver is back.",
    ),
});

function isWebhookUrl(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    (url.protocol === "https:" || url.protocol === "http:") &&
    url.username === "" &&
    url.password === "" &&
    !text.includes("#")
  );
}

/** Whether what is sent there stays on this machine. By its address or name alone: no name is asked for. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

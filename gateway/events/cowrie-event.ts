import { jsonText } from "../model/json.ts";
/**
 * One event in Cowrie's schema (docs/events.md), ready for JSON. Fields are in the order in which they are written; our own facts
 * ride in fields that begin with `mitsubako_`, which Cowrie's consumers ignore.
 */
export type CowrieEvent = Readonly<Record<string, EventValue>> & {
  readonly eventid: `cowrie.${string}`;
  readonly session: string;
  /** Ordinal within the session, from 0: with `session` it names the event for ever. */
  readonly mitsubako_sequence: number;
};

/** An event without the fields that are common to all (docs/events.md). */
export type EventBody = { readonly eventid: `cowrie.${string}`; readonly message: string } & Readonly<
  Record<string, EventValue>
>;

/** What a sink takes: an event of a session, or one of the gateway itself. */
export type WrittenEvent = CowrieEvent | EventBody;

export type EventValue = string | number | boolean | readonly string[];

export function eventLine(event: WrittenEvent): string {
  return `${jsonText(event)}\n`;
}

import type { CowrieEvent } from "../events/cowrie-event.ts";
import type { EventSink } from "../events/sink.ts";

/**
 * Gives events to the sinks, each once: a session's events are numbered, so whoever comes with them again
 * (the live follower, the finishing, a restart after a crash) adds only what is new.
 */
export class EventWriter {
  readonly #sinks: readonly EventSink[];
  /** Per session, the number of the last event written. */
  readonly #last: Map<string, number>;

  constructor(sinks: readonly EventSink[], alreadyWritten: Map<string, number>) {
    this.#sinks = sinks;
    this.#last = alreadyWritten;
  }

  write(session: string, events: readonly CowrieEvent[]): void {
    const last = this.#last.get(session) ?? -1;
    const fresh = events.filter((event) => event.mitsubako_sequence > last);
    const newest = fresh.at(-1);
    if (newest === undefined) return;
    for (const sink of this.#sinks) sink.write(fresh);
    this.#last.set(session, newest.mitsubako_sequence);
  }

  /** The session will not come again in this process's life. */
  forget(session: string): void {
    this.#last.delete(session);
  }
}

import type { CowrieEvent } from "../events/cowrie-event.ts";
import type { EventSink } from "../events/sink.ts";

export interface Receiver {
  readonly sink: EventSink;
  /** Per session, the number of the last event that it was given. */
  readonly last: Map<string, number>;
}

/**
 * Gives events to the sinks, each once: a session's events are numbered, so whoever comes with them again
 * (the live follower, the finishing, a restart after a crash) adds only what is new. Each sink has a count of its own, for a writer
 * that was killed may have given a batch to some of them.
 */
export class EventWriter {
  readonly #receivers: readonly Receiver[];

  /** @param receivers in the order in which they are given a batch. */
  constructor(receivers: readonly Receiver[]) {
    this.#receivers = receivers;
  }

  write(session: string, events: readonly CowrieEvent[]): void {
    const newest = events.at(-1);
    if (newest === undefined) return;
    for (const { sink, last } of this.#receivers) {
      const known = last.get(session) ?? -1;
      if (newest.mitsubako_sequence <= known) continue;
      sink.write(events.filter((event) => event.mitsubako_sequence > known));
      last.set(session, newest.mitsubako_sequence);
    }
  }

  /** The session will not come again in this process's life. */
  forget(session: string): void {
    for (const { last } of this.#receivers) last.delete(session);
  }
}

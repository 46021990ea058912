import type { Entry, SessionEnded, SessionOpened } from "../model/entries.ts";
import type { SandboxId } from "../model/ids.ts";
import type { Observation } from "../evidence/observation.ts";
import { SessionObserver } from "../evidence/session-observer.ts";
import { microsAt, showMicros } from "../model/timestamps.ts";
import type { CowrieEvent, EventBody } from "./cowrie-event.ts";
import { cowrieEvents, type EventContext } from "./cowrie.ts";
import { FailedDownloads } from "./failed-downloads.ts";
import { closing, type FinishedRecording } from "./session.ts";
import { WitnessedFiles } from "./witnessed-files.ts";

/**
 * Turns one session's entries into Cowrie events, in order and as they come. Pure: the same entries give the same events
 * with the same sequence numbers, whoever maps them and when.
 */
export class EventMapper {
  readonly #context: EventContext;
  readonly #observer = new SessionObserver();
  readonly #failed = new FailedDownloads();
  #envelope: EventEnvelope | undefined;
  #last = 0n;
  #ended: SessionEnded | undefined;
  #sandbox: SandboxId | undefined;
  #leftOut = 0;

  constructor(context: EventContext) {
    this.#context = context;
  }

  push(entry: Entry): CowrieEvent[] {
    return this.observed(entry.at, this.#observer.push(entry));
  }

  /** The last events, after everything was pushed. */
  end(recording: FinishedRecording): CowrieEvent[] {
    return [...this.observed(this.#last, this.#observer.end()), ...this.close(recording)];
  }

  /** As `push`, for who has observed the entry already. */
  observed(at: bigint, observations: readonly Observation[]): CowrieEvent[] {
    this.#last = at;
    return this.#map(observations);
  }

  /** As `end`, for who has observed the end already. */
  close(recording: FinishedRecording): CowrieEvent[] {
    if (this.#envelope === undefined) return [];
    const bodies = closing({
      recording,
      last: this.#last,
      reason: this.#ended?.reason,
      sandbox: this.#sandbox,
      leftOut: this.#leftOut,
    });
    return this.#envelope.wrap(this.#last, bodies);
  }

  /** For what is said of the session after its end. */
  get envelope(): EventEnvelope | undefined {
    return this.#envelope;
  }

  #map(observations: readonly Observation[]): CowrieEvent[] {
    if (observations.length === 0) return [];
    const events: CowrieEvent[] = [];
    for (const observation of observations) {
      if (observation.kind === "session-opened")
        this.#envelope ??= new EventEnvelope(this.#context, observation);
      if (observation.kind === "session-ended") this.#ended = observation;
      if (observation.kind === "sandbox-leased") this.#sandbox = observation.sandbox;
      if (this.#envelope === undefined) continue;
      this.#envelope.files.observe(observation);
      const bodies =
        observation.kind === "file"
          ? this.#envelope.files.events(observation)
          : cowrieEvents(observation, this.#context);
      bodies.push(...this.#failed.observe(observation));
      if (this.#envelope.count + bodies.length > MOST_EVENTS) this.#leftOut += bodies.length;
      else events.push(...this.#envelope.wrap(observation.at, bodies));
    }
    return events;
  }
}

/** The fields that every event of a session has, and what its events of files have told. */
export class EventEnvelope {
  readonly files = new WitnessedFiles();
  readonly #context: EventContext;
  readonly #opened: SessionOpened;
  #sequence = 0;

  constructor(context: EventContext, opened: SessionOpened) {
    this.#context = context;
    this.#opened = opened;
  }

  /** Events so far. */
  get count(): number {
    return this.#sequence;
  }

  wrap(at: bigint, bodies: readonly EventBody[]): CowrieEvent[] {
    return this.wrapAt(showMicros(microsAt(this.#opened.startedAt, at)), bodies);
  }

  wrapAt(timestamp: string, bodies: readonly EventBody[]): CowrieEvent[] {
    const { session, source, listener, sensor } = this.#opened;
    return bodies.map(({ eventid, message, ...fields }) => ({
      eventid,
      timestamp,
      session,
      mitsubako_sequence: this.#sequence++,
      src_ip: source.address,
      src_port: source.port,
      dst_ip: listener.address,
      dst_port: listener.port,
      protocol: "ssh",
      sensor,
      uuid: this.#context.uuid,
      message,
      ...fields,
    }));
  }
}

/** Of one session, before its last two. A flood of requests makes no flood of events; the recording has all of it. */
const MOST_EVENTS = 50_000;

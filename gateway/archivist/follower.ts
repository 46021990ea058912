import { statSync } from "node:fs";
import { join } from "node:path";
import type { Observation } from "../evidence/observation.ts";
import { SessionObserver } from "../evidence/session-observer.ts";
import { Summarizer, type Summary } from "../evidence/summary.ts";
import type { EventContext } from "../events/cowrie.ts";
import type { CowrieEvent } from "../events/cowrie-event.ts";
import { EventMapper } from "../events/event-mapper.ts";
import type { SessionId } from "../model/ids.ts";
import { readEntries } from "../recording/reader.ts";
import { isMissing } from "../model/missing.ts";

/** How long after a write its events come at most, when the follower keeps up, and how often a silent session is looked at. */
const EVERY_MS = 300;
const SELDOM_MS = 2400;
/** Read of one session before the others have their turn. One that writes faster is caught up with when it ends. */
const AT_A_TIME = 4 * 1024 * 1024;

export interface Following {
  readonly dataFolder: string;
  readonly context: EventContext;
  readonly emit: (session: SessionId, events: readonly CowrieEvent[]) => void;
  /** What is known of a session by now, and what of it was observed just now; called when something was read. */
  readonly summarized: (path: string, summary: Summary, observations: readonly Observation[]) => void;
  readonly problem: (message: string) => void;
}

/**
 * Reads the recordings of living sessions as they grow, so that their events appear while they live. Nothing depends on it:
 * a session's finishing reads its recording from the start. No file stays open between two looks, and a look
 * costs one `stat`.
 */
export class Follower {
  readonly #work: Following;
  readonly #sessions = new Map<SessionId, Followed>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(work: Following) {
    this.#work = work;
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  /** @param path of its recording, relative to the data folder. */
  follow(session: SessionId, path: string): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.set(session, {
      session,
      path,
      offset: 0,
      size: -1,
      wait: EVERY_MS,
      due: 0,
      observer: new SessionObserver(),
      mapper: new EventMapper(this.#work.context),
      summarizer: new Summarizer(),
    });
  }

  leave(session: SessionId): void {
    this.#sessions.delete(session);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#sessions.clear();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const followed of [...this.#sessions.values()]) await this.#lookAt(followed);
    } finally {
      this.#looking = false;
    }
  }

  /** Never rejects: what one session's bytes do to their reader is no other's concern. */
  async #lookAt(followed: Followed): Promise<void> {
    const now = performance.now();
    if (now < followed.due) return;
    try {
      const size = statSync(join(this.#work.dataFolder, followed.path), { throwIfNoEntry: false })?.size;
      if (size === undefined || size === followed.size) {
        followed.wait = Math.min(SELDOM_MS, followed.wait * 2);
      } else {
        followed.wait = EVERY_MS;
        if (await this.#read(followed)) followed.size = size;
      }
      followed.due = now + followed.wait;
    } catch (error) {
      this.leave(followed.session);
      // Moved between the look and the reading: its finishing is on its way.
      if (isMissing(error)) return;
      this.#work.problem(
        `Session ${followed.session} is not followed any more: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** Reads on. False: there is more, for the next turn. */
  async #read(followed: Followed): Promise<boolean> {
    const { session, observer, mapper, summarizer } = followed;
    const start = followed.offset;
    const entries = readEntries(join(this.#work.dataFolder, followed.path), { from: start });
    const events: CowrieEvent[] = [];
    const observed: Observation[] = [];
    let whole = true;
    for await (const entry of entries) {
      if (entry.offset - start >= AT_A_TIME) {
        followed.offset = entry.offset;
        whole = false;
        break;
      }
      summarizer.entry(entry);
      const observations = observer.push(entry);
      if (observations.length === 0) continue;
      for (const observation of observations) summarizer.observed(observation);
      events.push(...mapper.observed(entry.at, observations));
      observed.push(...observations);
    }
    if (whole) followed.offset = entries.tail?.at ?? start;
    // It may have ended while this was reading.
    if (this.#sessions.get(session) !== followed) return true;
    // Whoever is told by an event finds the session in the index.
    this.#work.summarized(followed.path, summarizer.summary, observed);
    this.#work.emit(session, events);
    return whole;
  }
}

interface Followed {
  readonly session: SessionId;
  readonly path: string;
  /** Where the next entry starts in the file. */
  offset: number;
  /** The file's, when it was last read to its end. */
  size: number;
  /** Milliseconds between two looks. */
  wait: number;
  due: number;
  readonly observer: SessionObserver;
  readonly mapper: EventMapper;
  readonly summarizer: Summarizer;
}

import type { Entry } from "../model/entries.ts";
import { ClientObserver, type Client } from "./client.ts";
import type { Observation } from "./observation.ts";
import { PaceObserver, type Pace } from "./pace.ts";
import { SessionObserver } from "./session-observer.ts";
import { Summarizer, type Summary } from "./summary.ts";

/** All that one recording tells, in the order in which it happened; each fact cites its entry. */
export interface Evidence {
  readonly summary: Summary;
  readonly client: Client;
  readonly pace: Pace;
  readonly observations: readonly Observation[];
  /** Observations that were not kept, because there were more than the bound. */
  readonly leftOut: number;
}

/**
 * Observations kept of one session. A session of commands has tens; more than this is a flood, of which the first
 * show what it is (the recording has all of it).
 */
export const MOST_OBSERVATIONS = 20_000;
/** Bytes of text kept of one session's observations. */
const MOST_TEXT = 16 * 1024 * 1024;

/** Gathers the evidence of one session while its entries pass, in bounded memory. */
export class EvidenceCollector {
  readonly #observer = new SessionObserver();
  readonly #summarizer = new Summarizer();
  readonly #client = new ClientObserver();
  readonly #pace = new PaceObserver();
  readonly #observations: Observation[] = [];
  #text = 0;
  #leftOut = 0;

  /** What this entry tells, which is kept too. */
  push(entry: Entry): Observation[] {
    this.#summarizer.entry(entry);
    this.#client.entry(entry);
    this.#pace.entry(entry);
    return this.#keep(this.#observer.push(entry));
  }

  /** What is told by there being no more entries. */
  end(): Observation[] {
    return this.#keep(this.#observer.end());
  }

  get evidence(): Evidence {
    return {
      summary: this.#summarizer.summary,
      client: this.#client.client,
      pace: this.#pace.pace,
      observations: this.#observations,
      leftOut: this.#leftOut,
    };
  }

  #keep(observations: Observation[]): Observation[] {
    for (const observation of observations) {
      this.#summarizer.observed(observation);
      this.#client.observed(observation);
      this.#pace.observed(observation);
      const size = textSize(observation);
      if (
        observation.kind !== "session-ended" &&
        (this.#observations.length >= MOST_OBSERVATIONS || this.#text + size > MOST_TEXT)
      ) {
        this.#leftOut++;
        continue;
      }
      this.#text += size;
      this.#observations.push(observation);
    }
    return observations;
  }
}

export async function extractEvidence(entries: AsyncIterable<Entry> | Iterable<Entry>): Promise<Evidence> {
  const collector = new EvidenceCollector();
  for await (const entry of entries) collector.push(entry);
  collector.end();
  return collector.evidence;
}

function textSize(observation: Observation): number {
  switch (observation.kind) {
    case "command":
    case "command-ended":
    case "typed":
      return observation.text.length;
    case "dropped":
      return observation.path.length + 8 * observation.pieces.length;
    case "forward-data":
      return observation.data.length;
    case "network":
      return (observation.name?.length ?? 0) + (observation.data?.length ?? 0);
    case "process":
      return observation.did === "run"
        ? observation.argv.reduce((sum, one) => sum + one.length, observation.path.length)
        : 0;
    case "variable":
      return observation.name.length + observation.value.length;
    default:
      return 0;
  }
}

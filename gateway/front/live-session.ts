import type { EndReason } from "../model/end-reason.ts";
import type { NetworkFact } from "../model/network-facts.ts";
import type { Ending } from "./ending.ts";
import { reasonFor } from "./reasons.ts";
import type { SessionRecording } from "./session-recording.ts";

/** A session as the warden may reach it while it lives. */
export class LiveSession {
  readonly #ending: Ending;
  readonly #recording: SessionRecording;

  constructor(ending: Ending, recording: SessionRecording) {
    this.#ending = ending;
    this.#recording = recording;
  }

  end(reason: EndReason): void {
    this.#ending.end(reason);
  }

  /** Writes down what its sandbox tried. Comes between any two things that the session does; once that is over it is nothing. */
  tried(fact: NetworkFact): void {
    if (this.#ending.over) return;
    try {
      this.#recording.fact(fact);
    } catch (error) {
      this.#ending.end(...reasonFor(error));
    }
  }
}

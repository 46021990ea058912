import type { EndReason } from "../model/end-reason.ts";
import type { SessionDeadlines } from "../model/front-messages.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Ending } from "./ending.ts";
import { reasonFor } from "./reasons.ts";
import type { SessionRecording } from "./session-recording.ts";

/** A session as the warden may reach it while it lives. */
export class LiveSession {
  readonly #ending: Ending;
  readonly #recording: SessionRecording;
  /** Once it runs. */
  clock: Deadlines | undefined;

  constructor(ending: Ending, recording: SessionRecording) {
    this.#ending = ending;
    this.#recording = recording;
  }

  end(reason: EndReason): void {
    this.#ending.end(reason);
  }

  /** Counted from the session's beginning all the same. */
  change(deadlines: SessionDeadlines): void {
    this.clock?.change(deadlines);
  }

  /** Writes down what its sandbox did. Comes between any two things that the session does; once the recording is closed it is nothing. */
  did(facts: readonly SandboxFact[]): void {
    try {
      for (const fact of facts) this.#recording.fact(fact);
    } catch (error) {
      this.#ending.end(...reasonFor(error));
    }
  }
}

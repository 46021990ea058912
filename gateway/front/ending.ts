import type { EndReason } from "../model/end-reason.ts";
import type { SessionEnded } from "../model/entries.ts";

/** The one end of a session: whoever calls first says why, everybody else learns of it through the signal. */
export class Ending {
  readonly #controller = new AbortController();
  #fact: SessionEnded | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get over(): boolean {
    return this.#fact !== undefined;
  }

  /** What ended it; `internal-error` if nobody said. */
  get fact(): SessionEnded {
    return this.#fact ?? { kind: "session-ended", reason: "internal-error", detail: "nobody said why" };
  }

  end(reason: EndReason, more: Omit<SessionEnded, "kind" | "reason"> = {}): void {
    if (this.#fact) return;
    this.#fact = { kind: "session-ended", reason, ...more };
    this.#controller.abort();
  }
}

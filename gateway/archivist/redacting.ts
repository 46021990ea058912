import { basename, dirname } from "node:path";
import { recordings } from "../index/find-recording.ts";
import type { CredentialsAge } from "../model/archivist-messages.ts";
import type { SessionId } from "../model/ids.ts";
import { isOver } from "../model/recording-file.ts";
import { readLedger } from "./ledger.ts";
import type { Sealing } from "./sealing.ts";

export interface RedactingOptions {
  readonly dataFolder: string;
  readonly sealing: Pick<Sealing, "addRedaction">;
  /** Whether the index still has a password of a session. */
  readonly knowsPassword: (session: SessionId) => boolean;
  /** Its passwords are gone from its recording, and are to go from the index. */
  readonly redacted: (session: SessionId, folder: string) => void;
  readonly problem: (message: string) => void;
}

/** A rule by days: an hour is soon enough. */
const LOOK_EVERY = 3_600_000;

/** Finds the recordings whose passwords the policy's retention wants dropped by now. What is not sealed yet waits for that. */
export class Redacting {
  readonly #options: RedactingOptions;
  readonly #timer: NodeJS.Timeout;
  #age: CredentialsAge;
  #last: Promise<void> = Promise.resolve();

  constructor(options: RedactingOptions, age: CredentialsAge) {
    this.#options = options;
    this.#age = age;
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY).unref();
  }

  configure(age: CredentialsAge): void {
    this.#age = age;
    void this.look();
  }

  /** Now, and not only when it is time. Never rejects. */
  look(): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await this.#look(Date.now());
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        this.#options.problem(`What is to lose its passwords could not be found: ${said}`);
      }
    });
    return this.#last;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#age = undefined;
  }

  async #look(now: number): Promise<void> {
    if (this.#age === undefined) return;
    const { dataFolder, sealing, knowsPassword, redacted } = this.#options;
    const known = await readLedger(dataFolder);
    for (const { session, path, live } of recordings(dataFolder)) {
      const folder = dirname(path);
      const state = known.get(session);
      if (live || state === undefined || !isOver(basename(dirname(folder)), this.#age, now)) continue;
      // A gateway that was killed may have come no further.
      if (state.redacted && knowsPassword(session)) redacted(session, folder);
      else if (!state.redacted && state.sealedAt !== undefined)
        sealing.addRedaction(session, folder, state.sealedAt);
    }
  }
}

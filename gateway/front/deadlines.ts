import type { FrontConfiguration } from "../model/front-messages.ts";
import type { Ending } from "./ending.ts";

/** How often an idle session is looked at, as a share of the deadline; so it ends at most this much late. */
const IDLE_LOOKS = 20;

/** The clocks of one session: LoginGraceTime, the whole session, and idleness once the relay runs. */
export class Deadlines implements Disposable {
  readonly #ending: Ending;
  readonly #idle: number;
  readonly #login: NodeJS.Timeout;
  readonly #session: NodeJS.Timeout;
  #look: NodeJS.Timeout | undefined;

  constructor(deadlines: FrontConfiguration["deadlines"], ending: Ending) {
    this.#ending = ending;
    this.#idle = deadlines.idle;
    this.#login = setTimeout(() => {
      ending.end("login-grace");
    }, deadlines.login);
    this.#session = setTimeout(() => {
      ending.end("session-deadline");
    }, deadlines.session);
  }

  loggedIn(): void {
    clearTimeout(this.#login);
  }

  /** `lastActivity` gives milliseconds of `performance.now()`. */
  watchIdle(lastActivity: () => number): void {
    this.#look = setInterval(
      () => {
        if (performance.now() - lastActivity() >= this.#idle) this.#ending.end("idle-deadline");
      },
      Math.max(50, Math.min(this.#idle / IDLE_LOOKS, 15_000)),
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#login);
    clearTimeout(this.#session);
    clearInterval(this.#look);
  }
}

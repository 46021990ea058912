import type { SessionDeadlines } from "../model/front-messages.ts";
import type { Ending } from "./ending.ts";

/** How often an idle session is looked at, as a share of the deadline; so it ends at most this much late. */
const IDLE_LOOKS = 20;

/** The clocks of one session: LoginGraceTime, the whole session, and idleness once the relay runs. */
export class Deadlines implements Disposable {
  readonly #ending: Ending;
  readonly #began = performance.now();
  #times: SessionDeadlines;
  #isLoggedIn = false;
  #isOver = false;
  #lastActivity: (() => number) | undefined;
  #login: NodeJS.Timeout | undefined;
  #session: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;

  constructor(times: SessionDeadlines, ending: Ending) {
    this.#times = times;
    this.#ending = ending;
    this.#wind();
  }

  /** Counted from the session's beginning all the same: what is over by then ends it at once. */
  change(times: SessionDeadlines): void {
    this.#times = times;
    this.#wind();
  }

  loggedIn(): void {
    this.#isLoggedIn = true;
    clearTimeout(this.#login);
  }

  /** `lastActivity` gives milliseconds of `performance.now()`. */
  watchIdle(lastActivity: () => number): void {
    this.#lastActivity = lastActivity;
    this.#wind();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#stop();
  }

  #wind(): void {
    this.#stop();
    if (this.#isOver) return;
    const { login, session, idle } = this.#times;
    const left = (deadline: number) => Math.max(0, deadline - (performance.now() - this.#began));
    if (!this.#isLoggedIn)
      this.#login = setTimeout(() => {
        this.#ending.end("login-grace");
      }, left(login));
    this.#session = setTimeout(() => {
      this.#ending.end("session-deadline");
    }, left(session));
    const lastActivity = this.#lastActivity;
    if (lastActivity === undefined) return;
    this.#look = setInterval(
      () => {
        if (performance.now() - lastActivity() >= idle) this.#ending.end("idle-deadline");
      },
      Math.max(50, Math.min(idle / IDLE_LOOKS, 15_000)),
    );
  }

  #stop(): void {
    clearTimeout(this.#login);
    clearTimeout(this.#session);
    clearInterval(this.#look);
  }
}

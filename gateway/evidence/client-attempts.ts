import type { AttemptMethod } from "../model/entries.ts";
import type { Observation } from "./observation.ts";
import { median } from "./client-keys.ts";

/** In which order and how fast credentials were tried. */
export interface ClientAttempts {
  /** Passwords and proofs of keys; not questions. */
  readonly count: number;
  readonly users: number;
  readonly passwords: number;
  /** Attempts whose password retention has dropped since: `passwords` counts the others, and `order` is not known. */
  readonly dropped?: number;
  /** Each once, as they were tried first. */
  readonly methods: readonly AttemptMethod[];
  readonly order: AttemptOrder;
  /** Milliseconds from an answer to the next attempt: a program's are short, a person's are not. */
  readonly pauses?: { readonly shortest: number; readonly median: number; readonly longest: number };
}

/** How a list was walked. A word never changes its meaning. */
export const ATTEMPT_ORDERS = {
  none: "nothing was tried",
  dropped: "credentials whose passwords were dropped",
  one: "one credential",
  "one-user": "one user name, password after password",
  "one-password": "one password, user name after user name",
  "user-as-password": "each user name as its own password",
  "by-user": "user name after user name, each with several passwords",
  mixed: "user names and passwords in pairs",
} as const;

export type AttemptOrder = keyof typeof ATTEMPT_ORDERS;

/** Different ones that are told apart. */
const MOST_TOLD_APART = 10_000;
const MOST_PAUSES = 2000;

export class AttemptsObserver {
  readonly #users = new Set<string>();
  readonly #passwords = new Set<string>();
  readonly #pairs = new Set<string>();
  readonly #methods = new Set<AttemptMethod>();
  readonly #pauses: number[] = [];
  #count = 0;
  #asOwnPassword = 0;
  #dropped = 0;
  /** How often the user name was another than the one before. */
  #changes = 0;
  #lastUser: string | undefined;
  #answered: number | undefined;

  /** An attempt came. @param at milliseconds. */
  asked(at: number): void {
    if (this.#answered !== undefined && this.#pauses.length < MOST_PAUSES)
      this.#pauses.push(at - this.#answered);
    this.#answered = undefined;
  }

  /** @param at milliseconds. */
  answered(at: number): void {
    this.#answered = at;
  }

  tried(one: Extract<Observation, { kind: "tried" }>): void {
    if (one.method === "none" || one.outcome === "key-acceptable") return;
    this.#count++;
    this.#methods.add(one.method);
    if (this.#lastUser !== undefined && this.#lastUser !== one.user) this.#changes++;
    this.#lastUser = one.user;
    keep(this.#users, one.user);
    if (one.passwordDropped === true) this.#dropped++;
    const secret = one.password ?? one.key?.fingerprintSha256;
    if (secret === undefined) return;
    keep(this.#passwords, secret);
    if (one.password === one.user) this.#asOwnPassword++;
    keep(this.#pairs, `${one.user.length} ${one.user}${secret}`);
  }

  get attempts(): ClientAttempts {
    const pauses = this.#pauses;
    return {
      count: this.#count,
      users: this.#users.size,
      passwords: this.#passwords.size,
      ...(this.#dropped === 0 ? {} : { dropped: this.#dropped }),
      methods: [...this.#methods],
      order: this.#order(),
      ...(pauses.length === 0
        ? {}
        : {
            pauses: {
              shortest: pauses.reduce((one, other) => Math.min(one, other)),
              median: median(pauses),
              longest: pauses.reduce((one, other) => Math.max(one, other)),
            },
          }),
    };
  }

  #order(): AttemptOrder {
    const [users, passwords, pairs] = [this.#users.size, this.#passwords.size, this.#pairs.size];
    if (this.#count === 0) return "none";
    if (this.#dropped > 0) return "dropped";
    if (pairs <= 1) return "one";
    if (users === 1) return "one-user";
    if (passwords === 1) return "one-password";
    if (this.#asOwnPassword === this.#count) return "user-as-password";
    return this.#changes < users && pairs > users ? "by-user" : "mixed";
  }
}

function keep(told: Set<string>, one: string): void {
  if (told.size < MOST_TOLD_APART) told.add(one.slice(0, 256));
}

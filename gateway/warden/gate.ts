import type { Policy } from "../model/policy.ts";

/**
 * How many connections there are, in all, per address, and not yet logged in. Counted here and not in the fronts,
 * because one address reaches all of them.
 */
export class Gate {
  #starting = 0;
  #open = 0;
  readonly #perAddress = new Map<string, number>();
  readonly #drops: (starting: number, starts: Policy["limits"]["starts"]) => boolean;

  /** `drops` decides MaxStartups' random early drop. */
  constructor(drops: (starting: number, starts: Policy["limits"]["starts"]) => boolean) {
    this.#drops = drops;
  }

  get open(): number {
    return this.#open;
  }

  /** A place for one connection, or undefined when it must be turned away. */
  enter(address: string, limits: Policy["limits"]): Place | undefined {
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#open >= limits.connections || ofAddress >= limits.connectionsPerSource) return undefined;
    if (this.#drops(this.#starting, limits.starts)) return undefined;
    this.#open++;
    this.#starting++;
    this.#perAddress.set(address, ofAddress + 1);
    return new Place(
      () => this.#starting--,
      () => {
        this.#open--;
        const left = (this.#perAddress.get(address) ?? 1) - 1;
        if (left === 0) this.#perAddress.delete(address);
        else this.#perAddress.set(address, left);
      },
    );
  }
}

/** One connection's place, given back once however often it is asked to. */
export class Place implements Disposable {
  #notStarting: (() => void) | undefined;
  #leave: (() => void) | undefined;

  constructor(notStarting: () => void, leave: () => void) {
    this.#notStarting = notStarting;
    this.#leave = leave;
  }

  loggedIn(): void {
    this.#notStarting?.();
    this.#notStarting = undefined;
  }

  [Symbol.dispose](): void {
    this.loggedIn();
    this.#leave?.();
    this.#leave = undefined;
  }
}

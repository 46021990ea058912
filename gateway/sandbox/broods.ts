import type { ReadySandbox } from "./lifecycle.ts";

/** The spares of one kind, and those that become some. */
export interface Brood {
  readonly spares: ReadySandbox[];
  making: number;
  /** In a row. */
  failures: number;
  /** Until it is over, no spare of this kind is made. */
  retry: NodeJS.Timeout | undefined;
}

/** Warm spares by their kind. */
export class Broods {
  readonly #broods = new Map<string, Brood>();

  /** The kind's own, also where there was none. */
  of(kind: string): Brood {
    let brood = this.#broods.get(kind);
    if (brood === undefined) {
      brood = { spares: [], making: 0, failures: 0, retry: undefined };
      this.#broods.set(kind, brood);
    }
    return brood;
  }

  /** Spares that there are. */
  get spares(): number {
    return this.#sum(({ spares }) => spares.length);
  }

  /** Spares that are being made. */
  get making(): number {
    return this.#sum(({ making }) => making);
  }

  get makingByKind(): Map<string, number> {
    return new Map([...this.#broods].map(([kind, { making }]) => [kind, making]));
  }

  take(kind: string): ReadySandbox | undefined {
    return this.#broods.get(kind)?.spares.shift();
  }

  /** The spare that has this container, which is none any more. */
  remove(container: string): ReadySandbox | undefined {
    for (const { spares } of this.#broods.values()) {
      const at = spares.findIndex((spare) => spare.container === container);
      if (at >= 0) return spares.splice(at, 1)[0];
    }
    return undefined;
  }

  /** Any of the kind of which there are most. */
  takeOfMost(): ReadySandbox | undefined {
    const [most] = [...this.#broods.values()].sort((one, other) => other.spares.length - one.spares.length);
    return most?.spares.shift();
  }

  /** Those that are not to be kept. A kind that is not wanted is forgotten once nothing is left of it. */
  takeOutdated(isWanted: (kind: string) => boolean, isCurrent: (spare: ReadySandbox) => boolean) {
    const outdated: ReadySandbox[] = [];
    for (const [kind, brood] of this.#broods) {
      const leaving = brood.spares.filter((spare) => !isWanted(kind) || !isCurrent(spare));
      for (const spare of leaving) brood.spares.splice(brood.spares.indexOf(spare), 1);
      outdated.push(...leaving);
      if (!isWanted(kind) && brood.making === 0) {
        clearTimeout(brood.retry);
        this.#broods.delete(kind);
      }
    }
    return outdated;
  }

  stopRetries(): void {
    for (const { retry } of this.#broods.values()) clearTimeout(retry);
  }

  #sum(of: (brood: Brood) => number): number {
    return [...this.#broods.values()].reduce((total, brood) => total + of(brood), 0);
  }
}

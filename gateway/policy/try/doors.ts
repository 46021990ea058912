import type { Policy } from "../../model/policy.ts";

type Shut = "limits.connections" | "limits.connectionsPerSource" | "limits.starts";

/** Who is connected, in all, by address, and not yet logged in; as the warden's gate counts them. */
export class Doors {
  readonly #limits: Policy["limits"];
  readonly #bySource = new Map<string, number>();
  #open = 0;
  #starting = 0;

  constructor(limits: Policy["limits"]) {
    this.#limits = limits;
  }

  /** What turns it away. Whom chance would have turned away, with `starts` not yet full, is let pass. */
  enter(address: string, mostOfSource: number): Shut | undefined {
    const { connections, starts } = this.#limits;
    const ofSource = this.#bySource.get(address) ?? 0;
    if (this.#open >= connections) return "limits.connections";
    if (ofSource >= mostOfSource) return "limits.connectionsPerSource";
    if (this.#starting >= (starts.percent === 100 ? starts.begin : starts.full)) return "limits.starts";
    this.#open++;
    this.#starting++;
    this.#bySource.set(address, ofSource + 1);
    return undefined;
  }

  loggedIn(): void {
    this.#starting--;
  }

  leave(address: string, isStarting: boolean): void {
    this.#open--;
    if (isStarting) this.#starting--;
    const left = (this.#bySource.get(address) ?? 1) - 1;
    if (left > 0) this.#bySource.set(address, left);
    else this.#bySource.delete(address);
  }
}

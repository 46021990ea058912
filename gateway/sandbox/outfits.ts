import { LRUCache } from "lru-cache";
import type { ShownMachine } from "../model/persona.ts";
import type { SandboxKit } from "./lifecycle.ts";
import { PastKeeper } from "./past/keeper.ts";

/** Far more than there are personas in a policy with all of its profiles. */
const MOST_KITS = 128;

/** What sandboxes are made with, for each machine that they have to be. All else is the same for each of them. */
export class Outfits {
  readonly common: Omit<SandboxKit, "persona" | "hostKeys" | "past">;
  /** Each knows its past. */
  readonly #kits = new LRUCache<string, SandboxKit>({ max: MOST_KITS });

  constructor(common: Outfits["common"]) {
    this.common = common;
  }

  of(shown: ShownMachine): SandboxKit {
    const kind = kindOf(shown);
    let kit = this.#kits.get(kind);
    if (kit === undefined) {
      const { machine, hostname } = shown;
      const { persona, hostKeys } = machine;
      const past = new PastKeeper(hostKeys, hostname);
      kit = { ...this.common, persona: { image: persona.image, hostname }, hostKeys, past };
      this.#kits.set(kind, kit);
    }
    return kit;
  }
}

/** Equal for those of which one sandbox can stand for the other. */
export function kindOf({ machine, hostname }: ShownMachine): string {
  return `${machine.id} ${hostname}`;
}

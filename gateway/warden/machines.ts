import { join } from "node:path";
import { keysOf, machineId, type Machine, type Modulus, type ShownMachine } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import { everyPolicy } from "../policy/resolve.ts";
import type { Engine } from "../sandbox/docker.ts";
import { findPersona } from "../sandbox/image/find.ts";
import { makeHostKeys } from "../sandbox/image/host-keys.ts";
import { readModuli } from "../sandbox/image/read-moduli.ts";

export interface MachinesOptions {
  readonly engine: Engine;
  /** The folder `data/keys`. */
  readonly keys: string;
}

/** The machines of the policy in force and of its profiles, each with its image's own words and its host keys. */
export class Machines {
  readonly #options: MachinesOptions;
  readonly #moduli = new Map<string, readonly Modulus[]>();
  #machines: ReadonlyMap<string, Machine> = new Map();

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  get all(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Of a policy for which all was made ready. */
  shownUnder({ persona }: Policy): ShownMachine {
    const machine = this.#machines.get(machineId(persona));
    if (machine === undefined) throw new Error(`nothing was made ready for the persona ${persona.name}`);
    return { machine, hostname: persona.hostname };
  }

  /** Each once, the policy's own first; with the policy, its own or with a profile laid over it, that is the first to name it. */
  shownBy(policy: Policy): (ShownMachine & { readonly policy: Policy })[] {
    return distinct(policy).map((each) => ({ ...this.shownUnder(each), policy: each }));
  }

  /**
   * Finds the images and keys that the policy and its profiles name; keys that are not there are made. What they do not name is
   * forgotten.
   * @throws MitsubakoError `image-missing`; as `Engine.call` otherwise. Then all is as before.
   */
  async prepare(policy: Policy): Promise<void> {
    const machines = new Map<string, Machine>();
    for (const { persona } of distinct(policy)) {
      const id = machineId(persona);
      machines.set(id, this.#machines.get(id) ?? (await this.#make(id, persona)));
    }
    this.#machines = machines;
  }

  async #make(id: string, wanted: Policy["persona"]): Promise<Machine> {
    const { engine, keys: folder } = this.#options;
    const found = await findPersona(engine, wanted);
    const moduli = this.#moduli.get(found.image) ?? (await readModuli(engine, found.image));
    this.#moduli.set(found.image, moduli);
    const keys = keysOf(wanted);
    const hostKeys = await makeHostKeys(join(folder, keys), wanted.hostname);
    return { id, persona: { ...found, moduli }, keys, hostKeys };
  }
}

function distinct(policy: Policy): Policy[] {
  const found = new Map<string, Policy>();
  for (const each of everyPolicy(policy)) {
    const id = machineId(each.persona);
    if (!found.has(id)) found.set(id, each);
  }
  return [...found.values()];
}

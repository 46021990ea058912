import type { FrontConfiguration } from "../model/front-messages.ts";
import type { Machine } from "../model/persona.ts";
import { parseHostKey, type HostKey } from "../ssh/transport/host-key.ts";
import type { PlayedMachine } from "./session.ts";

/**
 * The machines that a configuration names, and those that the one before it named: whom the warden has just admitted to one may come to
 * it when the next configuration is there already.
 */
export function knownMachines(
  { machines: named }: Pick<FrontConfiguration, "machines">,
  before: Pick<FrontConfiguration, "machines">,
  known: ReadonlyMap<string, PlayedMachine>,
): ReadonlyMap<string, PlayedMachine> {
  const kept = before.machines.flatMap(({ id }) => known.get(id) ?? []);
  return new Map(
    [...kept, ...named.map((each) => ({ ...each, authority: authorityOf(each) }))].map((each) => [
      each.id,
      each,
    ]),
  );
}

function authorityOf({ hostKeys }: Machine): HostKey {
  const key = hostKeys
    .map(({ privateKey }) => parseHostKey(privateKey))
    .find(({ type }) => type === "ssh-ed25519");
  if (!key) throw new Error("the persona has no Ed25519 host key");
  return key;
}

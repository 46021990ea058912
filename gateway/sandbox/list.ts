import { addressInName, slotFilter } from "./labels.ts";
import type { Engine } from "./docker.ts";

/**
 * The sandboxes that the engine has of a slot: address → id, whoever made them.
 * @throws MitsubakoError `engine-dead`
 */
export async function listSandboxes(engine: Engine, slot: number): Promise<ReadonlyMap<string, string>> {
  const containers = await engine.call("list the sandboxes", (docker) =>
    docker.listContainers({ all: true, filters: slotFilter(slot) }),
  );
  return new Map(
    containers.map(({ Names, Labels }) => [addressInName(Names[0] ?? ""), Labels["mitsubako.sandbox"] ?? ""]),
  );
}

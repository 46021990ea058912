import { removeContainer } from "./container.ts";
import { reapDiskImages } from "./disk.ts";
import type { Engine } from "./docker.ts";
import { networkName, slotFilter } from "./labels.ts";
import { removeNetwork } from "./network.ts";

/** One thing that a gateway left behind in the engine. */
export interface Reaped {
  readonly kind: "sandbox" | "network" | "disk";
  readonly name: string;
}

/**
 * Removes everything that carries the slot's label; whoever calls holds the slot. With `dryRun` it only tells. Can be called
 * again at any time.
 * @throws MitsubakoError `engine-dead`, `engine-refused`
 */
export async function reap({
  engine,
  slot,
  dryRun = false,
}: {
  engine: Engine;
  slot: number;
  dryRun?: boolean;
}): Promise<readonly Reaped[]> {
  const containers = await engine.call("list the sandboxes", (docker) =>
    docker.listContainers({ all: true, filters: slotFilter(slot) }),
  );
  const reaped: Reaped[] = [];
  for (const { Id, Names } of containers) {
    if (dryRun || (await removeContainer(engine, Id)))
      reaped.push({ kind: "sandbox", name: (Names[0] ?? Id).replace(/^\//, "") });
  }
  const networks = await engine.call("list the sandboxes' networks", (docker) =>
    docker.listNetworks({ filters: slotFilter(slot) }),
  );
  if (networks.length > 0 && (dryRun || (await removeNetwork(engine, slot))))
    reaped.push({ kind: "network", name: networkName(slot) });
  const { DockerRootDir: dataRoot } = await engine.info();
  if (reapDiskImages(dataRoot, slot, dryRun) > 0)
    reaped.push({ kind: "disk", name: "disks that were being made" });
  return reaped;
}

import { removeContainer } from "./container.ts";
import { reapDiskImages } from "./disk.ts";
import type { Engine } from "./docker.ts";
import { networkName, sandboxIn, slotFilter } from "./labels.ts";
import { removeNetwork } from "./network.ts";
import type { Strays } from "./strays.ts";

/** One thing that a gateway left behind in the engine. */
export interface Reaped {
  readonly kind: "sandbox" | "network" | "disk";
  readonly name: string;
}

/**
 * Removes the slot's sandboxes that the gateway which holds it does not know.
 * @returns their names.
 * @throws MitsubakoError `engine-dead`, `engine-refused`
 */
export async function reapUnknown(engine: Engine, slot: number, strays: Strays): Promise<readonly string[]> {
  const reaped: string[] = [];
  // Listed first: one that is begun meanwhile is known, one that is gone meanwhile is no error.
  for (const { Id, Names, Labels } of await sandboxesOf(engine, slot))
    if (!strays.knows(sandboxIn(Labels)) && (await removeContainer(engine, Id)))
      reaped.push(nameOf(Names, Id));
  return reaped;
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
  const reaped: Reaped[] = [];
  await forEach(await sandboxesOf(engine, slot), async ({ Id, Names }) => {
    if (dryRun || (await removeContainer(engine, Id)))
      reaped.push({ kind: "sandbox", name: nameOf(Names, Id) });
  });
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

function sandboxesOf(engine: Engine, slot: number) {
  return engine.call("list the sandboxes", (docker) =>
    docker.listContainers({ all: true, filters: slotFilter(slot) }),
  );
}

function nameOf(names: readonly string[], id: string): string {
  return (names[0] ?? id).replace(/^\//, "");
}

/** Removals at the same time; more only take turns on the engine's locks. */
const AT_ONCE = 4;

/** Carries all of them out, also when one fails. @throws what the first that failed threw. */
async function forEach<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const errors: unknown[] = [];
  const worker = async () => {
    for (const each of left)
      await work(each).catch((error: unknown) => {
        errors.push(error);
      });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (errors.length > 0) throw errors[0];
}

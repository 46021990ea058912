import { EngineRefused, type Engine } from "../docker.ts";

/** Whoever made one needs it for a minute. Seconds. */
const OLD = 15 * 60;

/**
 * Takes away containers that were made to look into an image and never started: those that a killed process left, which nothing else removes.
 * @throws MitsubakoError as `Engine.call`.
 */
export async function removeLeftovers(engine: Engine): Promise<void> {
  const found = await engine.call("list containers", (docker) =>
    docker.listContainers({
      all: true,
      filters: { label: ["mitsubako.purpose=learn"], status: ["created"] },
    }),
  );
  for (const { Id, Created } of found) {
    if (Created > Date.now() / 1000 - OLD) continue;
    await engine
      .call("remove a container", (docker) => docker.getContainer(Id).remove({ v: true }))
      .catch((error: unknown) => {
        // Another start takes it away.
        if (!(error instanceof EngineRefused)) throw error;
      });
  }
}

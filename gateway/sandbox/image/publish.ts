import type { Learned } from "../../model/learned.ts";
import { EngineRefused, isGone, type Engine } from "../docker.ts";
import { packLearned } from "./learned.ts";
import { imageReference, imageRepository, INPUTS_LABEL, LEARNED_LABEL, PERSONA_LABEL } from "./names.ts";

export interface Publication {
  readonly persona: string;
  /** Of everything that it was made of. */
  readonly inputs: string;
  readonly learned: Learned;
}

/** A second image over `image`: the same files, with labels, what to start, and the name it is found by. */
export async function publish(engine: Engine, image: string, publication: Publication): Promise<void> {
  const { persona } = publication;
  const former = await idOf(engine, imageReference(persona));
  await commit(engine, image, publication);
  if (former !== undefined) await removeUnlessUsed(engine, former);
}

async function commit(
  engine: Engine,
  image: string,
  { persona, inputs, learned }: Publication,
): Promise<void> {
  const container = await engine.call("create a container of the new image", (docker) =>
    docker.createContainer({ Image: image, Entrypoint: ["/sbin/init"], Labels: { mitsubako: "1" } }),
  );
  try {
    await engine.call("name the new image", () =>
      container.commit({
        repo: imageRepository(persona),
        tag: "latest",
        changes: [
          `LABEL ${PERSONA_LABEL}=${persona}`,
          `LABEL ${INPUTS_LABEL}=${inputs}`,
          `LABEL ${LEARNED_LABEL}=${packLearned(learned)}`,
        ].join("\n"),
      }),
    );
  } finally {
    await engine.call("remove a container", () => container.remove({ force: true, v: true }));
  }
}

async function idOf(engine: Engine, reference: string): Promise<string | undefined> {
  try {
    const image = await engine.call("describe the sandbox image", (docker) =>
      docker.getImage(reference).inspect(),
    );
    return image.Id;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** A sandbox that still runs on it keeps it; it then stays without a name, for `docker image prune`. */
async function removeUnlessUsed(engine: Engine, image: string): Promise<void> {
  try {
    await engine.call("remove the former sandbox image", (docker) => docker.getImage(image).remove());
  } catch (error) {
    if (!(error instanceof EngineRefused && (error.status === 404 || error.status === 409))) throw error;
  }
}

import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../../model/errors.ts";
import { EngineRefused, isGone, type Engine } from "../docker.ts";
import { labelsOf } from "./image-labels.ts";
import { learn } from "./learn.ts";
import { packLearned, type Learned } from "./learned.ts";
import {
  checkedPersonaName,
  imageReference,
  imageRepository,
  INPUTS_LABEL,
  LEARNED_LABEL,
  PERSONA_LABEL,
} from "./names.ts";
import { buildTurn } from "./build-turn.ts";
import { buildRootFileSystem, hashOfInputs, type Progress } from "./root-file-system.ts";

export interface BuildOptions {
  readonly persona: string;
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal | undefined;
  /** Build even if the engine has an image of the same inputs: for the archive's newer packages. */
  readonly again?: boolean;
  /** Where the root file system is unpacked and packed; 1.5 GB for the time of the build. */
  readonly workFolder?: string;
}

/** Not /tmp, which is memory on newer systems. */
const WORK_FOLDER = "/var/tmp";
/** Handing 450 MB over takes 6 s on an idle machine. */
const IMPORT_TIMEOUT = 900_000;

/**
 * Sees to it that the engine has the persona's image, built from what is now in `sandbox-image/`, with what its sshd
 * says of itself. Seldom does anything: then about 30 ms.
 * @returns whether an image was built.
 * @throws MitsubakoError as `buildRootFileSystem`, `learn` and `Engine.call`; the signal's reason.
 */
export async function buildImage(
  engine: Engine,
  options: BuildOptions,
): Promise<{ readonly built: boolean }> {
  const { signal, progress = () => undefined } = options;
  const persona = checkedPersonaName(options.persona);
  const inputs = await hashOfInputs(persona);
  if (options.again !== true && (await isCurrent(engine, persona, inputs))) return { built: false };

  // Several gateways that start at once need one image: the others wait, and find it.
  await using held = new AsyncDisposableStack();
  held.use(
    await buildTurn(persona, signal, () => {
      progress({ percent: 0, text: "another start builds the image" });
    }),
  );
  if (options.again !== true && (await isCurrent(engine, persona, inputs))) return { built: false };

  const folder = await mkdtemp(join(options.workFolder ?? WORK_FOLDER, "mitsubako-image-"));
  try {
    const tar = join(folder, "image.tar");
    const share = ({ percent, text }: Progress) => {
      progress({ percent: Math.round(percent * 0.85), text });
    };
    await buildRootFileSystem(tar, persona, share, signal);
    progress({ percent: 86, text: "handing the image to Docker Engine" });
    const image = await importTar(engine, tar, signal);
    progress({ percent: 96, text: "asking its sshd what it offers" });
    const learned = await learn(engine, image, signal);
    const former = await idOf(engine, imageReference(persona));
    await publish(engine, image, persona, inputs, learned);
    if (former !== undefined) await removeUnlessUsed(engine, former);
    progress({ percent: 100, text: "the image is ready" });
    return { built: true };
  } finally {
    // Retried, because processes of a build that was given up may take a moment to die.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
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

async function isCurrent(engine: Engine, persona: string, inputs: string): Promise<boolean> {
  const labels = await labelsOf(engine, imageReference(persona));
  return labels?.[INPUTS_LABEL] === inputs && labels[LEARNED_LABEL] !== undefined;
}

/** Returns the id. The image has no name yet, so that one that was never learned is never used. */
async function importTar(engine: Engine, tar: string, signal?: AbortSignal): Promise<string> {
  const id = await engine.call(
    "import the sandbox image",
    async (docker, abortSignal) => {
      const answer = await docker.importImage(createReadStream(tar), {
        changes: "LABEL mitsubako=1",
        abortSignal,
      });
      const steps = await new Promise<{ status?: string }[]>((resolve, reject) => {
        docker.modem.followProgress(answer, (error, done: { status?: string }[]) => {
          if (error) reject(error);
          else resolve(done);
        });
      });
      return steps.findLast((step) => step.status?.startsWith("sha256:"))?.status;
    },
    { timeout: IMPORT_TIMEOUT, signal },
  );
  if (id !== undefined) return id;
  throw new MitsubakoError("engine-refused", "Docker Engine imported the sandbox image but did not name it.");
}

/** A second image over the first: the same files, with labels, what to start, and the name it is found by. */
async function publish(
  engine: Engine,
  image: string,
  persona: string,
  inputs: string,
  learned: Learned,
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

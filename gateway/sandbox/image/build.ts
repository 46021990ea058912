import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../../model/errors.ts";
import type { Inquire } from "../../model/learned.ts";
import type { Engine } from "../docker.ts";
import { labelsOf } from "./image-labels.ts";
import { learn } from "./learn.ts";
import { unpackLearned } from "./learned.ts";
import { checkedPersonaName, imageReference, INPUTS_LABEL, LEARNED_LABEL } from "./names.ts";
import { hashOf, readPersonaFile, type PersonaFile } from "./persona-file.ts";
import { publish } from "./publish.ts";
import { buildTurn } from "./build-turn.ts";
import { buildRootFileSystem, hashOfInputs, type Progress } from "./root-file-system.ts";

export interface BuildOptions {
  readonly persona: string;
  /** Asks the new image's sshd what it says of itself. */
  readonly inquire: Inquire;
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal | undefined;
  /** Build even if the engine has an image of the same inputs: for the archive's newer packages. */
  readonly again?: boolean;
  /** The folder of personas that `persona learn` made (`personas` in the data folder). */
  readonly personas?: string;
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
  const file = options.personas === undefined ? undefined : await readPersonaFile(options.personas, persona);
  if (file !== undefined) return dress(engine, options, file);
  const inputs = await hashOfInputs(persona);
  const look = () => (options.again === true ? "none" : whatIsThere(engine, persona, inputs));
  if ((await look()) === "current") return { built: false };

  // Several gateways that start at once need one image: the others wait, and find it.
  await using held = new AsyncDisposableStack();
  held.use(
    await buildTurn(persona, signal, () => {
      progress({ percent: 0, text: "another start builds the image" });
    }),
  );
  const state = await look();
  if (state === "current") return { built: false };
  if (state === "unlearned") {
    progress({ percent: 50, text: "asking the image's sshd what it offers" });
    await learnAndPublish(engine, imageReference(persona), { ...options, persona, inputs });
    return { built: false };
  }

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
    await learnAndPublish(engine, image, { ...options, persona, inputs });
    progress({ percent: 100, text: "the image is ready" });
    return { built: true };
  } finally {
    // Retried, because processes of a build that was given up may take a moment to die.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A learned persona's image has the files of a shipped one's, and what was learned elsewhere in its label. */
async function dress(engine: Engine, options: BuildOptions, file: PersonaFile): Promise<{ built: boolean }> {
  const { inquire, progress, signal, again, workFolder } = options;
  const { built } = await buildImage(engine, {
    ...{ persona: file.image, inquire, signal },
    ...(progress === undefined ? {} : { progress }),
    ...(again === undefined ? {} : { again }),
    ...(workFolder === undefined ? {} : { workFolder }),
  });
  const inputs = createHash("sha256")
    .update(`${await hashOfInputs(file.image)} ${hashOf(file)}`)
    .digest("hex");
  if (built || (await whatIsThere(engine, options.persona, inputs)) !== "current")
    await publish(engine, imageReference(file.image), {
      persona: options.persona,
      inputs,
      learned: file.learned,
    });
  return { built };
}

/** Also of an image that is there already: its files stay, and it gets the new labels. */
async function learnAndPublish(
  engine: Engine,
  image: string,
  { persona, inputs, inquire, signal }: BuildOptions & { readonly inputs: string },
): Promise<void> {
  await publish(engine, image, { persona, inputs, learned: await learn(engine, image, inquire, signal) });
}

/** `unlearned`: of the same inputs, but what was learned of it is not what this version wants to know. */
async function whatIsThere(
  engine: Engine,
  persona: string,
  inputs: string,
): Promise<"current" | "unlearned" | "none"> {
  const labels = await labelsOf(engine, imageReference(persona));
  if (labels?.[INPUTS_LABEL] !== inputs) return "none";
  return unpackLearned(labels[LEARNED_LABEL] ?? "") === undefined ? "unlearned" : "current";
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

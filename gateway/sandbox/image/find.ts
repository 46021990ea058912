import { MitsubakoError } from "../../model/errors.ts";
import type { Persona } from "../../model/persona.ts";
import type { Policy } from "../../model/policy.ts";
import type { Engine } from "../docker.ts";
import { labelsOf } from "./image-labels.ts";
import { unpackLearned } from "./learned.ts";
import { imageReference, LEARNED_LABEL } from "./names.ts";
import { played } from "./played.ts";

/**
 * The persona that a policy names, as its image says of itself: a banner of the policy's own is said in its place. A few milliseconds.
 * @throws MitsubakoError `image-missing` when the engine has no such image; as `Engine.call` otherwise.
 */
export async function findPersona(engine: Engine, wanted: Policy["persona"]): Promise<Persona> {
  const image = imageReference(wanted.name);
  const labels = await labelsOf(engine, image);
  const learned = unpackLearned(labels?.[LEARNED_LABEL] ?? "");
  if (learned === undefined) throw missing(wanted.name);
  return {
    name: wanted.name,
    image,
    hostname: wanted.hostname,
    ...played(learned),
  };
}

function missing(persona: string): MitsubakoError {
  return new MitsubakoError(
    "image-missing",
    `Docker Engine has no sandbox image of the persona ${persona}.`,
    {
      remedy: `Build it with: mitsubako image build ${persona}`,
    },
  );
}

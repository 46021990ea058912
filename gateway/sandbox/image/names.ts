import { MitsubakoError } from "../../model/errors.ts";
import { PERSONA_NAME } from "../../model/persona.ts";

/** @throws MitsubakoError `bad-usage` when the name is none that could exist. */
export function checkedPersonaName(name: string): string {
  if (PERSONA_NAME.test(name)) return name;
  throw new MitsubakoError("bad-usage", `"${name}" is not a persona's name.`, {
    remedy: "Use small letters, digits and single hyphens, as in debian-12; at most 63, and not outpost.",
  });
}

/** The reference under which a persona's current image is found in the engine. */
export function imageReference(persona: string): string {
  return `${imageRepository(persona)}:latest`;
}

export function imageRepository(persona: string): string {
  return `mitsubako/${checkedPersonaName(persona)}`;
}

/** SHA-256 of everything the image was built from. */
export const INPUTS_LABEL = "mitsubako.inputs";
/** What its sshd says of itself: base64 of JSON, because a label's quoting differs between engines. */
export const LEARNED_LABEL = "mitsubako.learned";
export const PERSONA_LABEL = "mitsubako.persona";

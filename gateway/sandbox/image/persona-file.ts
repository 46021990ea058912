import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { MitsubakoError } from "../../model/errors.ts";
import type { Learned } from "../../model/learned.ts";
import { PERSONA_NAME } from "../../model/persona.ts";
import { learnedSchema } from "./learned.ts";
import { checkedPersonaName } from "./names.ts";
import { isShipped } from "./shipped.ts";

/** What `persona learn` writes and an operator may read, edit, and carry to other sensors. */
const personaFileSchema = z.strictObject({
  format: z.literal(1),
  /** The shipped persona whose sandbox strangers land in. */
  image: z.string().regex(PERSONA_NAME),
  /** Which server it was learned from, and when. */
  from: z.string().max(300),
  learnedAt: z.string().max(40),
  learned: learnedSchema,
});

export type PersonaFile = Readonly<Omit<z.output<typeof personaFileSchema>, "learned">> & {
  readonly learned: Learned;
};

const MOST_BYTES = 256 * 1024;

export function personaPath(folder: string, name: string): string {
  return join(folder, `${checkedPersonaName(name)}.json`);
}

/**
 * Undefined where there is no such file.
 * @throws MitsubakoError `persona-unusable` when it is not one that `persona learn` writes.
 */
export async function readPersonaFile(folder: string, name: string): Promise<PersonaFile | undefined> {
  const path = personaPath(folder, name);
  try {
    if ((await stat(path)).size > MOST_BYTES) throw new Error("it is too large");
    // Its image would take the place of the shipped one's.
    if (await isShipped(name)) throw new Error("it has the name of a shipped persona");
    return personaFileSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const reason =
      cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll(/\s+/g, " ") : (cause as Error).message;
    throw new MitsubakoError("persona-unusable", `${path} is not a persona's file: ${reason}.`, {
      remedy: "Learn it again: mitsubako persona learn HOST:PORT --name NAME",
      cause,
    });
  }
}

/** All or nothing. The folder is made where it is missing. */
export async function writePersonaFile(folder: string, name: string, file: PersonaFile): Promise<string> {
  const path = personaPath(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const aside = `${path}.new`;
  await writeFile(aside, `${JSON.stringify(personaFileSchema.parse(file), null, 2)}\n`, { mode: 0o600 });
  await rename(aside, path);
  return path;
}

export function hashOf(file: PersonaFile): string {
  return createHash("sha256").update(JSON.stringify(file)).digest("hex");
}

import { join } from "node:path";
import { pino } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import { birthOf } from "./file-witness-places.ts";
import { FileWitness } from "./file-witness.ts";
import { buildStatic } from "./static-program.ts";

const [SOURCE, ...OTHERS] = ["witness.c", "records.c", "programs.c", "rights.c"].map((name) =>
  join(import.meta.dirname, "..", "file-witness", name),
) as [string, ...string[]];

/**
 * The program, built and tried: it can mark a file system here.
 * @returns its path.
 * @throws MitsubakoError `tool-missing`, `witness-unfit`.
 */
export async function tryFileWitness(folder: string, uid: number): Promise<string> {
  const program = await buildFileWitness(folder);
  try {
    const { pid } = process;
    // Any file system will do; of this one nothing is taken.
    const places = { folders: ["/dev"], hints: undefined, born: birthOf(pid) };
    const silent = { log: pino({ level: "silent" }), take: () => undefined };
    const witness = await FileWitness.start({
      program,
      uid,
      payer: uid,
      pid,
      places,
      largest: 0,
      total: 0,
      ...silent,
    });
    await witness.stop();
    return program;
  } catch (cause) {
    throw new MitsubakoError(
      "witness-unfit",
      `The kernel does not let files be watched (${(cause as Error).message}).`,
      { remedy: "It takes fanotify, a part of every Debian kernel since 5.0, and CAP_SYS_ADMIN.", cause },
    );
  }
}

/**
 * Builds the witness into a folder of root alone.
 * @returns its path.
 * @throws MitsubakoError `tool-missing`, `witness-unfit`.
 */
export async function buildFileWitness(folder: string): Promise<string> {
  try {
    return await buildStatic(SOURCE, folder, OTHERS);
  } catch (cause) {
    if (cause instanceof MitsubakoError) throw cause;
    throw new MitsubakoError(
      "witness-unfit",
      `The witness of files could not be built (${(cause as Error).message}).`,
      { remedy: "Install its compiler and library: apt-get install tcc musl-dev", cause },
    );
  }
}

import { execFile } from "node:child_process";
import { chmod, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import { birthOf } from "./file-witness-places.ts";
import { FileWitness } from "./file-witness.ts";

const run = promisify(execFile);

const SOURCE = join(import.meta.dirname, "..", "file-witness", "witness.c");
/** Milliseconds; it takes 20. */
const BUILD_WITHIN = 60_000;

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
    const witness = await FileWitness.start({ program, uid, pid, places, largest: 0, total: 0, ...silent });
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
 * Builds the witness, static and with the compiler that also builds the sandboxes' first process, into a folder of root alone.
 * @returns its path.
 * @throws MitsubakoError `tool-missing`, `witness-unfit`.
 */
export async function buildFileWitness(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const program = join(folder, "file-witness");
  const incoming = join(folder, `.file-witness-${process.pid}`);
  const { stdout: machine } = await run("uname", ["-m"]);
  const musl = `/usr/lib/${machine.trim()}-linux-musl`;
  try {
    await run(
      "tcc",
      [
        ...[
          "-static",
          "-nostdlib",
          "-nostdinc",
          "-I",
          `/usr/include/${machine.trim()}-linux-musl`,
          "-o",
          incoming,
        ],
        ...[join(musl, "crt1.o"), join(musl, "crti.o"), SOURCE, join(musl, "libc.a"), join(musl, "crtn.o")],
      ],
      { timeout: BUILD_WITHIN },
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new MitsubakoError("tool-missing", "The program tcc could not be run.", {
        remedy: "Install it: apt-get install tcc musl-dev",
        cause,
      });
    throw new MitsubakoError(
      "witness-unfit",
      `The witness of files could not be built (${(cause as { stderr?: string }).stderr?.trim() ?? String(cause)}).`,
      { remedy: "Install its compiler and library: apt-get install tcc musl-dev", cause },
    );
  }
  await chmod(incoming, 0o700);
  await rename(incoming, program);
  return program;
}

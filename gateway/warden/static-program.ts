import { execFile } from "node:child_process";
import { chmod, mkdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { MitsubakoError } from "../model/errors.ts";

const run = promisify(execFile);

/** Milliseconds; it takes 20. */
const BUILD_WITHIN = 60_000;

/**
 * Builds one of our programs in C, static and with the compiler that also builds the sandboxes' first process, into a folder of root alone.
 * @param others more of its sources.
 * @returns its path.
 * @throws MitsubakoError `tool-missing`; Error with what the compiler said.
 */
export async function buildStatic(
  source: string,
  folder: string,
  others: readonly string[] = [],
): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const program = join(folder, basename(source, ".c"));
  const incoming = join(folder, `.${basename(program)}-${process.pid}`);
  const { stdout: machine } = await run("uname", ["-m"]);
  const musl = `/usr/lib/${machine.trim()}-linux-musl`;
  const headers = `/usr/include/${machine.trim()}-linux-musl`;
  const parts = [
    join(musl, "crt1.o"),
    join(musl, "crti.o"),
    source,
    ...others,
    join(musl, "libc.a"),
    join(musl, "crtn.o"),
  ];
  try {
    await run("tcc", ["-static", "-nostdlib", "-nostdinc", "-I", headers, "-o", incoming, ...parts], {
      timeout: BUILD_WITHIN,
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new MitsubakoError("tool-missing", "The program tcc could not be run.", {
        remedy: "Install it: apt-get install tcc musl-dev",
        cause,
      });
    throw new Error((cause as { stderr?: string }).stderr?.trim() ?? String(cause), { cause });
  }
  await chmod(incoming, 0o700);
  await rename(incoming, program);
  return program;
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../../sandbox/docker.ts";
import { runInside } from "../../sandbox/exec.ts";
import type { Inside } from "./judge.ts";
import type { Try } from "./tries.ts";

const PROGRAM = join(import.meta.dirname, "inside.pl");
/** Seconds that an answer may take. Long enough for a SYN to be sent twice. */
const PATIENCE = 1.5;
/** Milliseconds for all of it, on a machine that is busy. */
const TIMEOUT = 30_000;

/**
 * Tries everything at once from inside; the outcome of each try in its place. Perl, since it is in every Debian and Ubuntu.
 * @throws MitsubakoError `not-found` when the image has no perl; as `runInside` otherwise.
 */
export async function tryInside(
  engine: Engine,
  container: string,
  tries: readonly Try[],
  signal: AbortSignal,
): Promise<(Inside | undefined)[]> {
  const program = await readFile(PROGRAM, "utf8");
  const told = tries.flatMap(({ kind, address, port }, id) => [id, kind, address, port].map(String));
  const argv = ["perl", "-e", program, String(PATIENCE), ...told] as const;
  return parseReport(await runInside(engine, { container, argv, timeout: TIMEOUT, signal }), tries.length);
}

/** What comes out of a sandbox is not believed to be well formed, even with nobody in it. The first word on a try counts. */
export function parseReport(printed: string, count: number): (Inside | undefined)[] {
  const report = new Map<number, Inside>();
  for (const [, id, state, error = ""] of printed.matchAll(
    /^(\d{1,3})\t(answered|refused|silent|unsent|opened)\t((?:E[A-Z0-9]{1,20}|error \d{1,4})?)$/gm,
  ))
    if (!report.has(Number(id))) report.set(Number(id), { state: state as Inside["state"], error });
  return Array.from({ length: count }, (_, id) => report.get(id));
}

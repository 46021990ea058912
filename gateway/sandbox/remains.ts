import type { Dirent } from "node:fs";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MitsubakoError } from "../model/errors.ts";

/** Milliseconds that an engine gets to end by itself what it is just ending. */
const GRACE = 500;
/** Milliseconds until what was killed has to be gone. */
const GONE_WITHIN = 10_000;
const PAUSE = 50;

/**
 * Ends what runs of a container although the engine believes that nothing does: one that is killed while it starts a container
 * has forgotten it when it is back, and leaves that alone for ever (seen with 20.10). To be called before the engine is asked to
 * forget the container itself, so that there is always somebody who knows the id of what runs.
 *
 * The id is 64 random characters: a process that has it in its control group, or serves it as a runtime, is of that container.
 *
 * @returns whether there was anything.
 * @throws MitsubakoError `engine-refused` when it does not end.
 */
export async function endRemains(container: string): Promise<boolean> {
  const begin = performance.now();
  let killed = false;
  for (;;) {
    const found = await processesOf(container);
    if (found.length === 0) break;
    const waited = performance.now() - begin;
    if (waited > GRACE + GONE_WITHIN) throw immortal(found);
    if (waited > GRACE) {
      killed = true;
      for (const pid of found) await kill(pid, container);
    }
    await sleep(PAUSE);
  }
  return killed;
}

async function processesOf(container: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1 && pid !== process.pid);
  const isOfIt = await Promise.all(pids.map((pid) => isOf(pid, container)));
  return pids.filter((_, index) => isOfIt[index]);
}

async function isOf(pid: number, container: string): Promise<boolean> {
  if ((await read(`/proc/${pid}/cgroup`)).includes(container)) return true;
  const [program = "", ...args] = (await read(`/proc/${pid}/cmdline`)).split("\0");
  // An operator's `docker logs ID` names it, too.
  return args.includes(container) && /^(containerd-shim|runc|crun|runsc|kata)/.test(basename(program));
}

/** Empty when the process is gone. */
function read(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}

async function kill(pid: number, container: string): Promise<void> {
  // Its number may be another's by now.
  if (!(await isOf(pid, container))) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** How deep engines put their containers' control groups below /sys/fs/cgroup, a controller's own folder included. */
const DEPTH = 5;

/** Takes away the empty control groups of a container that a runtime did not live to remove. */
export async function removeControlGroups(container: string, folder = "/sys/fs/cgroup", depth = DEPTH) {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (entry.name.includes(container)) await removeGroup(path);
    else if (depth > 1) await removeControlGroups(container, path, depth - 1);
  }
}

/** With those below it (units.ts). */
async function removeGroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }).catch((): Dirent[] => []))
    if (entry.isDirectory()) await removeGroup(join(path, entry.name));
  await rmdir(path).catch(() => undefined);
}

function immortal(pids: readonly number[]): MitsubakoError {
  return new MitsubakoError(
    "engine-refused",
    `Processes of a sandbox that the engine does not know to run cannot be ended: ${pids.join(", ")}.`,
    { remedy: "Look at them (ps), and restart the machine if they do not go." },
  );
}

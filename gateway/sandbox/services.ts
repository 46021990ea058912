import { execFile } from "node:child_process";
import { readlinkSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { MitsubakoError } from "../model/errors.ts";
import type { PristineFiles } from "./pristine.ts";
import type { TarFile } from "./tar.ts";

/** Milliseconds. */
const BETWEEN_LOOKS = 10;

/**
 * Until the first process has started every service and journald, where there is one, answers. Nobody is in the sandbox, so what is
 * read and run there is the image's own.
 * @param init the first process's number on the machine.
 * @param within milliseconds; journald's answer gets as many again.
 * @returns what is not up by then; undefined when all is.
 * @throws MitsubakoError `engine-refused` when the question to journald does not end; the signal's reason.
 */
export async function waitForServices(
  init: number,
  within: number,
  signal?: AbortSignal,
): Promise<"services" | "journald" | undefined> {
  const deadline = performance.now() + within;
  for (;;) {
    signal?.throwIfAborted();
    const left = deadline - performance.now();
    const missing = isReady(init) ? await missingLog(init, within) : "services";
    if (missing === undefined || left <= 0) return missing;
    await sleep(BETWEEN_LOOKS);
  }
}

/** It says "ready" on its standard output and closes it then (sandbox-image/init.c); before, that is the engine's. */
function isReady(init: number): boolean {
  return linkAt(`/proc/${init}/fd/1`) === "/dev/null";
}

/** Without journald, /dev/log leads to rsyslogd, or is not there. It answers when it is past all that its start needs; about 10 ms. */
async function missingLog(init: number, within: number): Promise<"journald" | undefined> {
  if (linkAt(`/proc/${init}/root/dev/log`)?.endsWith("/dev-log") !== true) return undefined;
  try {
    await journalctl(init, "--sync", within);
    // What its answer leaves behind is on no server where nobody asked.
    rmSync(`/proc/${init}/root/run/systemd/journal/synced`, { force: true });
    return undefined;
  } catch (error) {
    if (error instanceof MitsubakoError) throw error;
    // It does not listen yet, or has died and is started again: who waits is told by the time.
    return "journald";
  }
}

/**
 * Runs in the sandbox, as its root.
 * @throws MitsubakoError `engine-refused` when it did not end in time. Then one with the machine's rights may be in there still: nobody may be let in.
 */
async function journalctl(init: number, option: string, within: number): Promise<void> {
  // One's own user namespace cannot be entered, and root in it is root already.
  const isOwn = linkAt(`/proc/${init}/ns/user`) === linkAt("/proc/self/ns/user");
  const asItsRoot = isOwn ? [] : ["--user", "--setuid", "0", "--setgid", "0"];
  const args = ["--target", String(init), "--mount", "--pid", ...asItsRoot, "--", "journalctl", option];
  try {
    await promisify(execFile)("nsenter", args, { timeout: within });
  } catch (cause) {
    // Which ends nsenter, and not what it has started.
    if ((cause as { killed?: boolean }).killed !== true) throw cause;
    throw new MitsubakoError("engine-refused", `A sandbox's journald does not answer journalctl ${option}.`, { cause }); // prettier-ignore
  }
}

/**
 * Takes from the journal what the services said at their start in this sandbox: on a server that was long ago, and `past` has it. The
 * journal goes on in a new file; about 10 ms.
 * @param within milliseconds. Where journald takes no questions, its journal stays as it is.
 * @throws MitsubakoError `engine-refused` when it takes one and does not answer.
 */
export async function forgetStart(
  init: number,
  files: PristineFiles,
  past: readonly TarFile[],
  within: number,
) {
  const journals = () =>
    files.foldersIn("run/log/journal").flatMap((id) => {
      const folder = `run/log/journal/${id}`;
      return files.filesIn(folder).map((name) => `${folder}/${name}`);
    });
  if (!journals().some((path) => path.endsWith("/system.journal"))) return;
  await journalctl(init, "--rotate", within).catch((error: unknown) => {
    if (error instanceof MitsubakoError) throw error;
  });
  const kept = new Set(past.map(({ path }) => path));
  for (const path of journals()) if (!kept.has(path) && !path.endsWith("/system.journal")) files.remove(path);
  files.redate(past.filter(({ path }) => path.startsWith("run/log")));
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // It is not there yet, or the process has ended.
    return undefined;
  }
}

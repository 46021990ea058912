import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SECOND, type Moment } from "./timeline.ts";

/** Of the first service that a machine's start brings up; what systemd does before takes as many. */
export const FIRST_SERVICE = 412;

/** Milliseconds. */
const WITHIN = 30_000;

/** One a minute, and round before the end of the 15 bits that a small machine has for them. */
export function pidAfter(boot: Moment, at: Moment): number {
  return 640 + (Math.floor((at - boot) / (53 * SECOND)) % 31_000);
}

/**
 * The next process in the namespace of `init` (its number on the machine) gets the number after `last`, so that a stranger's follow
 * those of the logs. By the kernel's own knob, from outside: about 5 ms. Where it has none, or the namespace is out of
 * reach, numbers begin small, as on a server that was just started.
 * @param within milliseconds.
 * @throws when it does not end in time. Then the shell, with the machine's rights, may be in there still: nobody may be let in.
 */
export async function continuePids(init: number, last: number, within = WITHIN): Promise<void> {
  const script = `echo ${last} >/proc/sys/kernel/ns_last_pid`;
  const args = ["--target", String(init), "--pid", "--", "/bin/sh", "-c", script];
  await promisify(execFile)("nsenter", args, { timeout: within }).catch((error: unknown) => {
    if ((error as { killed?: boolean }).killed === true) throw error;
  });
}

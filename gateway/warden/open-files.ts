import { readFileSync } from "node:fs";
import type { Policy } from "../model/policy.ts";

/** The stranger's socket, the one to the sandbox, the recording. */
const PER_CONNECTION = 3;
/** The runtime's own, listening sockets, the channel to the warden. */
const OF_ITS_OWN = 128;
/** What confine/enter.sh asks for. */
const ASKED = 1_048_576;
/** CAP_SYS_RESOURCE, as a bit: who has it may raise its own limits (capabilities(7)). */
const SYS_RESOURCE = 1n << 24n;

/** Open files that a front needs: the kernel spreads connections over the fronts, but promises nothing. */
export function openFilesNeeded(connections: number): number {
  return OF_ITS_OWN + PER_CONNECTION * connections;
}

/** Open files that a front that we start can have. */
export function openFilesPossible(): number {
  const hard = /^Max open files +\S+ +(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  const capabilities = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const most = Math.min(ASKED, Number(readFileSync("/proc/sys/fs/nr_open", "utf8")));
  const mayRaise = (BigInt(`0x${capabilities}`) & SYS_RESOURCE) !== 0n;
  return mayRaise || hard === "unlimited" ? most : Math.min(most, Number(hard));
}

/** A sentence when `limits.connections` cannot be reached, with the remedy. */
export function checkOpenFiles(
  { connections }: Policy["limits"],
  possible: number = openFilesPossible(),
): string | undefined {
  const needed = openFilesNeeded(connections);
  if (possible >= needed) return undefined;
  return `limits.connections is ${connections}, for which a front may need ${needed} open files; it can have ${possible}. Raise the limit (\`ulimit -n\`, LimitNOFILE= of a service, --ulimit nofile= of a container), or lower limits.connections to ${Math.max(1, Math.floor((possible - OF_ITS_OWN) / PER_CONNECTION))}.`;
}

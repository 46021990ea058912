import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { MitsubakoError } from "../model/errors.ts";
import { logGroupOf } from "../model/network-facts.ts";
import { childUid, LOG_INDEX } from "../model/slot.ts";

export type NetworkLog = ChildProcessByStdio<null, Readable, Readable>;

/** Headers of netfilter's, of IP and of the transport, and the beginning of a question to a resolver. */
const BYTES_PER_PACKET = "256";

/**
 * What netfilter logs of a slot's packets, as a pcap stream. Reading it takes CAP_NET_ADMIN, so it is read by a program that does
 * nothing but copy, with that capability alone, as a user of its own; it dies with this process.
 *
 * @throws MitsubakoError `tool-missing`.
 */
export async function spawnNetworkLog(slot: number): Promise<NetworkLog> {
  const uid = String(childUid(slot, LOG_INDEX));
  const only = "-all,+net_admin";
  const child = spawn(
    "setpriv",
    [
      ...["--reuid", uid, "--regid", uid, "--clear-groups", "--no-new-privs", "--pdeathsig", "KILL"],
      ...[`--inh-caps=${only}`, `--ambient-caps=${only}`, `--bounding-set=${only}`, "--"],
      ...["tcpdump", "-n", "-i", `nflog:${logGroupOf(slot)}`, "-s", BYTES_PER_PACKET],
      // Each packet as it comes.
      ...["--immediate-mode", "-U", "-w", "-"],
    ],
    {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      cwd: "/",
      env: { PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" },
    },
  );
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw new MitsubakoError("tool-missing", "The program setpriv could not be run.", {
      remedy: "Install it: apt-get install util-linux",
      cause,
    });
  }
  return child;
}

/** What the common scanners print of the persona's own sshd, they print of the gateway. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { run } from "../../gateway/harness.ts";
import { ROOT, startTargets, type Targets } from "./targets.ts";

const SCANS: Record<string, (port: string) => readonly string[]> = {
  "ssh-audit": (port) => ["ssh-audit", "--no-colors", "-t", "30", "-p", port, "127.0.0.1"],
  "nmap -sV": (port) => ["nmap", "-n", "-Pn", "-sV", "-p", port, "127.0.0.1"],
  "nmap's scripts": (port) => [
    ...["nmap", "-n", "-Pn", "-p", port],
    // A port that is not 22 is nmap's guess at first; `+` runs them all the same.
    ...["--script", "+ssh2-enum-algos,+ssh-hostkey,+ssh-auth-methods,+sshv1,+banner"],
    ...["--script-args", "ssh_hostkey=full,ssh.user=root", "127.0.0.1"],
  ],
  "hydra, with a wrong password": (port) => [
    ...["hydra", "-I", "-t", "1", "-l", ROOT.user, "-x", "1:1:x", "-s", port, "ssh://127.0.0.1"],
  ],
  "ssh-keyscan": (port) => ["ssh-keyscan", "-p", port, "127.0.0.1"],
};

/** Ports, times and what else is of one run alone. */
function cleaned(text: string, port: string): string[] {
  return text
    .replaceAll(port, "PORT")
    .split("\n")
    .filter((line) => !/^(Starting Nmap|Nmap done|Hydra|\[(DATA|WARNING)\])|latency|scanned in/.test(line))
    .map((line) => line.replace(/PORT\/tcp\s+/, "PORT/tcp ").trimEnd())
    .sort(); // nmap and ssh-keyscan ask for several things at once
}

describe("scanners see the same", { concurrency: 2 }, () => {
  let targets: Targets;
  before(async () => {
    targets = await startTargets();
  });
  after(async () => {
    await targets[Symbol.asyncDispose]();
  });

  for (const [name, command] of Object.entries(SCANS))
    it(name, async () => {
      const [theirs, ours] = await Promise.all(
        [targets.reference.port, targets.gateway.port].map(async (number) => {
          const port = String(number);
          const [program = "", ...args] = command(port);
          const ran = await run(program, args, { within: 240_000 });
          return [...cleaned(ran.stdout.toString(), port), `exit ${ran.code}`];
        }),
      );
      assert.ok((theirs?.length ?? 0) > 2, "it says something");
      assert.deepEqual(ours, theirs);
    });
});

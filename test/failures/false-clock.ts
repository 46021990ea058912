import { copyFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../gateway/harness.ts";
import type { LabMachine } from "./lab-machine.ts";

/**
 * A clock of its own for one gateway's processes, by libfaketime: what the time of day is, not how it passes, as with a real
 * step. The kernel's own clock belongs to all of the machine and is left alone.
 *
 * A gateway gives its confined processes no environment, so in the lab the program that confines them is wrapped;
 * they read the clock in a folder that they see.
 */
export class FalseClock {
  readonly data: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #lab: LabMachine;

  private constructor(lab: LabMachine, data: string, environment: Readonly<Record<string, string>>) {
    this.#lab = lab;
    this.data = data;
    this.environment = environment;
  }

  /** `data`: the gateway's data folder, to be made. */
  static async set(lab: LabMachine, data: string): Promise<FalseClock> {
    const { stdout } = await run("sh", ["-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"]);
    const library = stdout.toString().trim();
    if (library === "") throw new Error("this test needs libfaketime: apt-get install faketime");
    const settings = { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: "1", FAKETIME_NO_CACHE: "1" };
    const clock = new FalseClock(lab, data, {
      ...settings,
      FAKETIME_TIMESTAMP_FILE: join(data, "clock"),
    });
    await clock.step(0);
    const unshare = join(lab.folder, "unshare");
    await copyFile("/usr/bin/unshare", `${unshare}.real`);
    await writeFile(unshare, wrapper(settings, `${unshare}.real`), { mode: 0o755 });
    await lab.sh(`mount --bind ${unshare} /usr/bin/unshare`);
    return clock;
  }

  /** Seconds that the gateway's clock is ahead of the machine's, from now on. */
  async step(ahead: number): Promise<void> {
    // One for the warden and the archivist, one for each front.
    for (const folder of [this.data, join(this.data, "live/0"), join(this.data, "live/1")]) {
      await mkdir(folder, { recursive: true });
      const file = join(folder, "clock");
      await writeFile(`${file}.new`, `${ahead < 0 ? "" : "+"}${ahead}s\n`, { mode: 0o644 });
      await rename(`${file}.new`, file);
    }
  }

  async end(): Promise<void> {
    await this.#lab.sh("umount /usr/bin/unshare");
  }
}

function wrapper(settings: Readonly<Record<string, string>>, real: string): string {
  const set = Object.entries(settings).map(([key, value]) => `export ${key}=${value}`);
  return `#!/bin/sh
case $* in
*gateway/front/*) ${set.join(" ")} FAKETIME_TIMESTAMP_FILE=/run/mitsubako/live/clock ;;
*gateway/archivist/*) ${set.join(" ")} FAKETIME_TIMESTAMP_FILE=/run/mitsubako/data/clock ;;
esac
exec ${real} "$@"
`.replaceAll(" export ", " ");
}

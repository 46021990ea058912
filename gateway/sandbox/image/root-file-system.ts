import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MitsubakoError, type ErrorCode } from "../../model/errors.ts";

const BUILD_SCRIPT = fileURLToPath(new URL("../../../sandbox-image/build.sh", import.meta.url));

export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  readonly text: string;
}

/** SHA-256 of everything that goes into the persona's image, hexadecimal. About 20 ms. */
export async function hashOfInputs(persona: string): Promise<string> {
  const { stdout } = await promisify(execFile)("/bin/sh", [BUILD_SCRIPT, "--inputs", persona]);
  return stdout.trim();
}

/**
 * Builds a persona's root file system into the file `out`: about a minute on two cores with a near archive, 450 MB.
 * @throws MitsubakoError `archive-unreachable`, `disk-full`, `tool-missing` or `image-build-failed`; the signal's reason.
 */
export async function buildRootFileSystem(
  out: string,
  persona: string,
  progress: (step: Progress) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  // A process group of its own, so that an abort reaches mmdebstrap and its children too.
  const child = spawn("/bin/sh", [BUILD_SCRIPT, out, persona], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "close") as Promise<[number | null]>;
  const stop = () => {
    killGroup(child.pid);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, percent, text] = /^progress (\d+) (.+)$/.exec(line) ?? [];
      if (percent !== undefined && text !== undefined) progress({ percent: Number(percent), text });
    });
    const [code] = await exited;
    signal?.throwIfAborted();
    if (code !== 0) throw buildError(complaint.trim());
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Without mercy: what it mounted is in a namespace of its own and ends with it; files are the caller's to remove. */
function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch (error) {
    // Ended by itself in the same moment.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const REMEDIES = {
  "bad-usage": "Personas are the folders of sandbox-image/.",
  "archive-unreachable":
    "Check the network, or name another archive in MITSUBAKO_DEBIAN_MIRROR, and try again.",
  "disk-full": "Make room (the build needs about 2 GB) and try again.",
  "tool-missing": "Run `sudo npm start` once, which installs what is needed.",
  "image-build-failed": "Try again; the archive may have changed in between.",
} as const satisfies Partial<Record<ErrorCode, string>>;

/** The script's last line is `code: sentence`, where it knew what was wrong. */
function buildError(complaint: string): MitsubakoError {
  const [, code, sentence] = /^([a-z-]+): (.*)$/.exec(complaint.split("\n").at(-1) ?? "") ?? [];
  for (const known of Object.keys(REMEDIES) as (keyof typeof REMEDIES)[]) {
    if (code === known && sentence !== undefined)
      return new MitsubakoError(known, `${sentence[0]?.toUpperCase() ?? ""}${sentence.slice(1)}`, {
        remedy: REMEDIES[known],
      });
  }
  return new MitsubakoError("image-build-failed", "The sandbox image could not be built.", {
    remedy: REMEDIES["image-build-failed"],
    cause: new Error(complaint),
  });
}

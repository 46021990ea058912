/** Runs real clients and tells what came of it. */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A client that hangs is killed after this, in milliseconds, and its test fails by its code. */
const DEADLINE = 60_000;

export async function run(
  command: string,
  args: readonly string[],
  options: {
    readonly input?: Buffer | string;
    /** For clients that take the end of input for the end of all. */
    readonly keepInputOpen?: boolean;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): Promise<Outcome> {
  const child = start(command, args, ["pipe", "pipe", "pipe"], options.env);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (bytes: Buffer) => stdout.push(bytes));
  child.stderr?.on("data", (bytes: Buffer) => stderr.push(bytes));
  child.stdin?.on("error", () => undefined); // It may leave without reading all of it.
  if (options.keepInputOpen !== true) child.stdin?.end(options.input);
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

export function start(
  command: string,
  args: readonly string[],
  stdio: StdioOptions,
  env?: NodeJS.ProcessEnv,
): ChildProcess {
  return spawn(command, args, { stdio, env: { ...process.env, ...env } });
}

/** Options that keep OpenSSH's clients away from this machine's own files. */
export function sshOptions(folder: string): string[] {
  return [
    ["-F", "none"],
    ["-o", "StrictHostKeyChecking=no"],
    ["-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`],
    ["-o", "GlobalKnownHostsFile=/dev/null"],
    ["-o", "LogLevel=ERROR"],
    ["-o", "IdentityFile=none"],
    ["-o", "IdentityAgent=none"],
  ].flat();
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

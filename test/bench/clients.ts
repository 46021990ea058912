/** The system's ssh as the benchmarks use it: one process for each login, as bots do. */
import { spawn } from "node:child_process";
import { once } from "node:events";

/** Where a client connects to: a gateway, or a sandbox's own sshd. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Loopback address to come from, where that is possible: each is a source of its own. */
  readonly from?: string;
}

export const PASSWORD = "bench";
export const KEX = ["-o", "KexAlgorithms=curve25519-sha256"];

/** Bytes of a command's output. */
export async function drain(target: Target, options: readonly string[], command: string): Promise<number> {
  const child = client(target, options, command);
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => (bytes += chunk.length));
  await once(child, "close");
  return bytes;
}

/**
 * Milliseconds from each keystroke to its echo; the next is typed when the one before has come back.
 *
 * @param pause milliseconds before the next.
 */
export async function echoes(target: Target, keystrokes: number, pause: number): Promise<number[]> {
  const child = client(target, ["-tt"], "stty raw -echo; echo ready; exec cat");
  let heard: () => void = () => undefined;
  child.stdout.on("data", () => {
    heard();
  });
  const next = () =>
    new Promise<void>((resolve) => {
      heard = resolve;
    });
  await next();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const times: number[] = [];
  for (let n = 0; n < keystrokes; n++) {
    const echoed = next();
    const began = performance.now();
    child.stdin.write("x");
    await echoed;
    times.push(performance.now() - began);
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  child.kill();
  await once(child, "close");
  return times;
}

function client({ host, port, from }: Target, options: readonly string[], command: string) {
  return spawn(
    "sshpass",
    [
      ...["-e", "ssh", "-F", "/dev/null", "-p", String(port)],
      ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
      ...["-o", "LogLevel=ERROR", "-o", "PubkeyAuthentication=no", ...KEX],
      ...(from === undefined ? [] : ["-o", `BindAddress=${from}`]),
      ...[...options, `root@${host}`, command],
    ],
    { env: { ...process.env, SSHPASS: PASSWORD }, stdio: ["pipe", "pipe", "inherit"] },
  );
}

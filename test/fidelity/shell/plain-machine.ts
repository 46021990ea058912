import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "../../../gateway/sandbox/docker.ts";
import { imageReference } from "../../../gateway/sandbox/image/names.ts";

const SCRIPT = join(import.meta.dirname, "plain-machine.sh");
/** Milliseconds: 420 MB are copied, and host keys made. */
const START_WITHIN = 240_000;

export interface PlainMachine extends AsyncDisposable {
  /** Words in front of a command, so that it runs where the machine's own 127.0.0.1 is. */
  readonly enter: readonly [string, ...string[]];
}

/** Starts what plain-machine.sh describes from the image of the default persona. */
export async function startPlainMachine(
  hostname: string,
  user: string,
  password: string,
): Promise<PlainMachine> {
  const info = await new Engine().call("describe an image", (docker) =>
    docker.getImage(imageReference("debian-12")).inspect(),
  );
  const { LowerDir: lower, UpperDir: upper } = info.GraphDriver.Data as unknown as Record<string, string>;
  const layers = [upper ?? "", ...(lower ?? "").split(":")].filter((layer) => layer !== "").reverse();
  const shift = await ownersShift(layers[0] ?? "");
  const work = await mkdtemp(join(tmpdir(), "mitsubako-plain-"));
  const child = spawn("sh", [SCRIPT, work, String(shift), hostname, user, password, ...layers], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = once(child, "exit");
  const held = new AsyncDisposableStack();
  held.defer(() => rm(work, { recursive: true }));
  held.defer(async () => {
    child.kill("SIGKILL");
    await gone;
  });
  const late = setTimeout(() => child.kill("SIGKILL"), START_WITHIN);
  try {
    const pid = await firstProcess(child.stderr);
    const enter = ["nsenter", "--net", "--target", String(pid)] as const;
    await sshListens(pid, gone);
    return { enter: [...enter], [Symbol.asyncDispose]: () => held.disposeAsync() };
  } catch (error) {
    await held.disposeAsync();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Owners' numbers on the engine's disk are shifted where it remaps users. */
async function ownersShift(layer: string): Promise<number> {
  return (await stat(layer)).uid;
}

async function firstProcess(errors: NodeJS.ReadableStream): Promise<number> {
  let said = "";
  for await (const line of createInterface({ input: errors })) {
    if (/^\d+$/.test(line)) return Number(line);
    said = `${said}${line}\n`.slice(-2000);
  }
  throw new Error(`the plain machine did not start: ${said}`);
}

/** Reads the kernel's table in that machine's network until something listens on port 22. */
async function sshListens(pid: number, gone: Promise<unknown>): Promise<void> {
  const ended = { value: false };
  void gone.then(() => (ended.value = true));
  for (;;) {
    const table = await readFile(`/proc/${pid}/net/tcp`, "latin1").catch(() => "");
    if (/^ *\d+: [0-9A-F]+:0016 [0-9A-F]+:0000 0A/m.test(table)) return;
    if (ended.value) throw new Error("the plain machine ended while it started");
    await sleep(20);
  }
}

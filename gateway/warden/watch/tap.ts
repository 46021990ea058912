import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { buildStatic } from "../static-program.ts";
import { loaderImage } from "./image.ts";
import { KernelTypes } from "./kernel-types.ts";
import { kernelPrograms } from "./programs.ts";

const SOURCE = join(import.meta.dirname, "..", "..", "watcher", "tap.c");
const READY_WITHIN = 30_000;

/** All that it takes to watch: made once, used at every start. */
export interface TapKit {
  /** Path of the loader. */
  readonly program: string;
  /** The kernel's programs, made for the kernel that runs. */
  readonly image: Buffer;
}

/**
 * @param folder of root alone, for the loader.
 * @throws Error with a clause that says what the machine lacks.
 */
export async function makeTapKit(folder: string): Promise<TapKit> {
  if (process.arch !== "x64") throw new Error("it is made for x86-64 only");
  const types = await KernelTypes.read().catch((cause: unknown) => {
    throw new Error("the kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)", { cause });
  });
  return { program: await buildStatic(SOURCE, folder), image: loaderImage(kernelPrograms(types)) };
}

/**
 * Starts the loader with the records going into `out`, of which, if it is a stream, it then has the only end.
 * @param uid the user that it goes on as.
 * @throws Error with what it or the kernel said. Then nothing is left of it.
 */
export async function startTap(
  kit: TapKit,
  uid: number,
  out: Writable | "ignore" | "pipe",
): Promise<ChildProcess> {
  const child = spawn(kit.program, [String(uid)], {
    // A session of its own: a Ctrl-C is for the warden to answer.
    detached: true,
    stdio: ["pipe", out, "pipe"],
    cwd: "/",
    env: {},
  });
  const ended = once(child, "close").catch(() => undefined); // not before all that it said is here
  child.stdin?.on("error", () => undefined); // it is gone, which is told by its exit
  if (typeof out !== "string") out.destroy();
  let said = "";
  const heard = new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString("latin1")}`.slice(0, 2000);
      if (said.includes("\n")) resolve();
    });
  });
  const late = setTimeout(() => child.kill("SIGKILL"), READY_WITHIN);
  child.stdin?.write(kit.image);
  await Promise.race([heard, ended]);
  clearTimeout(late);
  if (said === "ready\n") return child;
  child.kill("SIGKILL");
  await ended;
  throw new Error(
    `the kernel does not take its programs (${said.replaceAll(/\s+/g, " ").trim() || "it ended"})`,
  );
}

/** Whether this machine's processes can be watched, by doing it. @throws Error with a clause that says why not. */
export async function tryTap(folder: string, uid: number): Promise<TapKit> {
  const kit = await makeTapKit(folder);
  const child = await startTap(kit, uid, "ignore");
  const ended = once(child, "exit");
  child.stdin?.end();
  await ended;
  return kit;
}

import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { ContainerInspectInfo } from "dockerode";
import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { waitForServices } from "./services.ts";

const run = promisify(execFile);

/** Milliseconds. Each step takes about 10. */
const WITHIN = 30_000;

type Log = Pick<Logger, "warn">;

/** What `Disguise.dress` puts into a sandbox's files. */
export interface Dress {
  /** Of the container that runs. */
  readonly info: ContainerInspectInfo;
  readonly hostname: string;
  readonly nameserver: string;
}

/** Undefined where there is no program, or the engine's folder and mounts are not this process's too; the latter is said here. */
export function disguiseFor(
  program: string | undefined,
  {
    diskCap,
    storageDriver,
    dataRoot,
    remap,
  }: Pick<EngineFacts, "diskCap" | "storageDriver" | "dataRoot" | "remap">,
  log: Log,
): Disguise | undefined {
  if (program === undefined) return undefined;
  if (diskCap) return new Disguise(program, remap, log);
  log.warn(
    { storageDriver, dataRoot },
    "sandboxes show in their mounts that they are containers: the engine's folder is not this process's to mount in",
  );
  return undefined;
}

/**
 * Makes a container's mounts look like a server's, from outside, while nobody is in it: `disguise.c` says how. A sandbox for
 * which a step fails is not given to anybody.
 */
export class Disguise {
  readonly #program: string;
  readonly #remap: EngineFacts["remap"];
  readonly #log: Log;

  /** @param program `disguise.c`, built. */
  constructor(program: string, remap: EngineFacts["remap"], log: Log) {
    this.#program = program;
    this.#remap = remap;
    this.#log = log;
  }

  /**
   * Before the container starts, and after the last use of its archive: the engine finds its root mounted, and leaves it so.
   * `uncoverRoot` takes it away.
   * @throws MitsubakoError `engine-refused`
   */
  async coverRoot({ GraphDriver: { Data: data } }: ContainerInspectInfo): Promise<void> {
    const { UpperDir: upper, LowerDir: lower } = data as unknown as { UpperDir: string; LowerDir: string };
    await this.#run("root", dirname(upper), ...lower.split(":"));
  }

  /**
   * Once the container runs: its first process waits for this. No name server of the engine answers inside afterwards.
   * @throws MitsubakoError `engine-refused`
   */
  async dress({ info, hostname, nameserver }: Dress): Promise<void> {
    await silenceResolver(info.State.Pid);
    const { uid, gid } = this.#remap;
    const shm = info.HostConfig.ShmSize ?? 0;
    await this.#run("inside", ...whose(info), ...[uid, gid, shm].map(String), nameserver, hostname);
  }

  /**
   * Once sshd answers, as the last step: no control groups are seen from here on. journald starts only where they are, so all services have to
   * be up first.
   * @throws MitsubakoError `engine-refused`; the signal's reason.
   */
  async finish(info: ContainerInspectInfo, signal?: AbortSignal): Promise<void> {
    const missing = await waitForServices(info.State.Pid, WITHIN, signal);
    // Whoever looks finds logs that nobody writes to; who can log in at all is not told by that.
    if (missing !== undefined) this.#log.warn({ missing }, "the logs of a sandbox stay as they are");
    await this.#run("groups", ...whose(info));
  }

  async #run(...args: readonly string[]): Promise<void> {
    await tool(this.#program, args);
  }
}

/** Its first process, and the root by which the program knows that it is still that. */
function whose({ State: { Pid: pid }, GraphDriver: { Data: data } }: ContainerInspectInfo): [string, string] {
  return [String(pid), (data as unknown as { MergedDir: string }).MergedDir];
}

/** Takes away what `coverRoot` mounted, if it is there. The container has ended. */
export async function uncoverRoot(folder: string): Promise<void> {
  const merged = `${folder}/merged`;
  while ((statSync(merged, { throwIfNoEntry: false })?.dev ?? statSync(folder).dev) !== statSync(folder).dev)
    await tool("umount", ["--lazy", merged]);
}

/** The engine listens on 127.0.0.11 in each container of a network of ours, which no server does. Nobody asks it: see spec.ts. */
async function silenceResolver(pid: number): Promise<void> {
  const sockets = ["ss", "--kill", "--no-header", "--all", "--tcp", "--udp", "src", "127.0.0.11"];
  await tool("nsenter", [`--net=/proc/${pid}/ns/net`, ...sockets]);
}

async function tool(program: string, args: readonly string[]): Promise<void> {
  try {
    await run(program, args, { timeout: WITHIN });
  } catch (cause) {
    const { stderr, message } = cause as Error & { stderr?: string };
    // A program that is missing says nothing itself.
    const why = stderr?.trim() || message;
    throw new MitsubakoError("engine-refused", `A sandbox could not be made to look like a server: ${why}.`, {
      cause,
    });
  }
}

import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { ContainerInspectInfo } from "dockerode";
import { MitsubakoError } from "../model/errors.ts";
import type { EngineFacts } from "./engine-facts.ts";

const run = promisify(execFile);

/** Milliseconds. Each step takes about 10. */
const WITHIN = 30_000;

/** What `Disguise.dress` puts into a sandbox's files. */
export interface Dress {
  /** Its first process on the machine. */
  readonly pid: number;
  readonly hostname: string;
  readonly nameserver: string;
  /** Bytes that /dev/shm holds. */
  readonly shm: number;
}

/** Undefined where there is no program, or the engine's folder and mounts are not this process's too. */
export function disguiseFor(program: string | undefined, facts: EngineFacts): Disguise | undefined {
  return program !== undefined && facts.diskCap ? new Disguise(program, facts.remap) : undefined;
}

/**
 * Makes a container's mounts look like a server's, from outside, while nobody is in it: `disguise.c` says how. A sandbox for
 * which a step fails is not given to anybody.
 */
export class Disguise {
  readonly #program: string;
  readonly #remap: EngineFacts["remap"];

  /** @param program `disguise.c`, built. */
  constructor(program: string, remap: EngineFacts["remap"]) {
    this.#program = program;
    this.#remap = remap;
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
  async dress({ pid, hostname, nameserver, shm }: Dress): Promise<void> {
    await silenceResolver(pid);
    const { uid, gid } = this.#remap;
    await this.#run("inside", ...[pid, uid, gid, shm].map(String), nameserver, hostname);
  }

  async #run(...args: readonly string[]): Promise<void> {
    await tool(this.#program, args);
  }
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
    const said = (cause as { stderr?: string }).stderr?.trim() ?? "";
    throw new MitsubakoError(
      "engine-refused",
      `A sandbox could not be made to look like a server: ${said}.`,
      {
        cause,
      },
    );
  }
}

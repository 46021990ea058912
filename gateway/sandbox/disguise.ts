import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { ContainerInspectInfo } from "dockerode";
import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
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

/** Where it is `auto`: for how many sandboxes a step of it may fail before there was one for which none did. On a machine that is busy they fail, too. */
const MOST_FAILURES = 3;

/** A step of the disguise failed, or the engine undid it. What else keeps a sandbox from being made says nothing about that. */
export class DisguiseFailed extends MitsubakoError {
  constructor(message: string, cause?: unknown) {
    super("engine-refused", message, { cause });
  }
}

export interface DisguiseOptions {
  /** `disguise.c`, built; undefined where it could not be. */
  readonly program: string | undefined;
  readonly facts: Pick<EngineFacts, "diskCap" | "storageDriver" | "dataRoot" | "remap">;
  readonly wanted: Policy["sandbox"]["disguise"];
  readonly log: Log;
}

/**
 * Undefined where it is not wanted, there is no program, or the engine's folder and mounts are not this process's too; the latter is said here.
 * @throws MitsubakoError `engine-unfit` where it is required and cannot be had.
 */
export function disguiseFor({ program, facts, wanted, log }: DisguiseOptions): Disguise | undefined {
  if (wanted === "off") return undefined;
  const { diskCap, storageDriver, dataRoot } = facts;
  if (program !== undefined && diskCap) return new Disguise({ program, facts, wanted, log });
  if (wanted === "required") throw notToBeHad(program === undefined ? NO_PROGRAM : NOT_OURS);
  if (program !== undefined)
    log.warn(
      { storageDriver, dataRoot },
      `sandboxes show in their mounts that they are containers: ${NOT_OURS}`,
    );
  return undefined;
}

const NO_PROGRAM = "the program for it could not be built (packages tcc and musl-dev)";
const NOT_OURS = "the engine's folder is not this process's to mount in";

function notToBeHad(why: string): MitsubakoError {
  return new MitsubakoError("engine-unfit", `sandbox.disguise is required, and ${why}.`, {
    remedy: "Mend that, or set sandbox.disguise to auto: then sandboxes show that they are containers.",
  });
}

/**
 * Makes a container's mounts look like a server's, from outside, while nobody is in it: `disguise.c` says how. A sandbox for
 * which a step fails is not given to anybody.
 */
export class Disguise {
  readonly #program: string;
  readonly #facts: DisguiseOptions["facts"];
  readonly #wanted: Policy["sandbox"]["disguise"];
  readonly #log: Log;
  /** Those since the last that worked; undefined once one has. */
  #failures: number | undefined = 0;
  #isGivenUp = false;

  constructor({ program, facts, wanted, log }: DisguiseOptions & { readonly program: string }) {
    this.#program = program;
    this.#facts = facts;
    this.#wanted = wanted;
    this.#log = log;
  }

  /** Asked once for each sandbox, before it is made. Undefined once it was given up: sandboxes are plain containers from then on. */
  get inUse(): Disguise | undefined {
    return this.#isGivenUp ? undefined : this;
  }

  /** A sandbox has been made with it. */
  worked(): void {
    this.#failures = undefined;
  }

  /** A sandbox could not be made with it, and is no more: none is ever given out half disguised. */
  failed(error: unknown): void {
    if (this.#failures === undefined || this.#wanted === "required" || this.#isGivenUp) return;
    if (!(error instanceof DisguiseFailed)) return;
    if (++this.#failures < MOST_FAILURES) return;
    this.#isGivenUp = true;
    this.#log.warn(
      { err: error },
      "sandboxes show that they are containers: this engine does not let it be hidden",
    );
  }

  /**
   * Before the container starts, and after the last use of its archive: the engine finds its root mounted, and leaves it so.
   * `uncoverRoot` takes it away.
   * @throws DisguiseFailed
   */
  async coverRoot({ GraphDriver: { Data: data } }: ContainerInspectInfo): Promise<void> {
    const { UpperDir: upper, LowerDir: lower } = data as unknown as { UpperDir: string; LowerDir: string };
    await this.#run("root", dirname(upper), ...lower.split(":"));
  }

  /**
   * Once the container runs: its first process waits for this. No name server of the engine answers inside afterwards.
   * @throws DisguiseFailed
   */
  async dress({ info, hostname, nameserver }: Dress): Promise<void> {
    await silenceResolver(info.State.Pid);
    const { uid, gid } = this.#facts.remap;
    const shm = info.HostConfig.ShmSize ?? 0;
    await this.#run("inside", ...whose(info), ...[uid, gid, shm].map(String), nameserver, hostname);
  }

  /**
   * Once sshd answers, as the last step: no control groups are seen from here on. journald starts only where they are, so all services have to
   * be up first. Then the result is looked at: an engine that is not known may do otherwise.
   * @throws DisguiseFailed, also when the sandbox shows what it is; MitsubakoError `engine-refused` of `waitForServices`; the signal's reason.
   */
  async finish(info: ContainerInspectInfo, signal?: AbortSignal): Promise<void> {
    const missing = await waitForServices(info.State.Pid, WITHIN, signal);
    // Whoever looks finds logs that nobody writes to; who can log in at all is not told by that.
    if (missing !== undefined) this.#log.warn({ missing }, "the logs of a sandbox stay as they are");
    await this.#run("groups", ...whose(info));
    const mounts = readFileSync(`/proc/${info.State.Pid}/mountinfo`, "latin1");
    const shown = tellingMount(mounts, { dataRoot: this.#facts.dataRoot, container: info.Id });
    if (shown !== undefined)
      throw new DisguiseFailed(`A sandbox shows that it is a container: it mounts ${shown}.`);
  }

  async #run(...args: readonly string[]): Promise<void> {
    await tool(this.#program, args);
  }
}

/** Of a root that is ours, and what hides in no other way. */
const TELLING = [/docker|container/i, / \/etc\//, /cgroup/, / devtmpfs /, /\b[ug]id=/];

/**
 * Where the first mount is that tells of a container or its engine, and by which word. Pure.
 * @param mountinfo as in proc_pid_mountinfo(5).
 */
export function tellingMount(
  mountinfo: string,
  names: { readonly dataRoot: string; readonly container: string },
): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const place = line.split(" ")[4] ?? "";
    const name = [`${names.dataRoot}/`, names.container].find((each) => line.includes(each));
    const word = name ?? TELLING.map((each) => each.exec(line)?.[0]).find((each) => each !== undefined);
    if (word !== undefined) return `"${word.trim()}" at ${place}`;
    if (place === "/" && / - overlay /.test(line) && !/upperdir=\/upper\/data,/.test(line))
      return "a root of the engine's own";
  }
  return undefined;
}

/** Its first process, and the root by which the program knows that it is still that. */
function whose({ State: { Pid: pid }, GraphDriver: { Data: data } }: ContainerInspectInfo): [string, string] {
  return [String(pid), (data as unknown as { MergedDir: string }).MergedDir];
}

/** Takes away what `coverRoot` mounted, if it is there. The container has ended. */
export async function uncoverRoot(folder: string): Promise<void> {
  while (isCovered(folder))
    try {
      await tool("umount", ["--lazy", `${folder}/merged`]);
    } catch (error) {
      // Two may remove the same container.
      if (isCovered(folder)) throw error;
    }
}

function isCovered(folder: string): boolean {
  const [below, merged] = [folder, `${folder}/merged`].map(
    (path) => statSync(path, { throwIfNoEntry: false })?.dev,
  );
  return merged !== undefined && merged !== below;
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
    throw new DisguiseFailed(`A sandbox could not be made to look like a server: ${why}.`, cause);
  }
}

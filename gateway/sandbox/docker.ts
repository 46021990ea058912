import Dockerode from "dockerode";
import { MitsubakoError } from "../model/errors.ts";

/** The engine said no. `status` is the HTTP status of its answer (404: there is no such thing, 409: not in this state). */
export class EngineRefused extends MitsubakoError {
  readonly status: number;

  constructor(what: string, status: number, cause: Error) {
    super("engine-refused", `Docker Engine refused to ${what}: ${reasonIn(cause)}.`, { cause });
    this.status = status;
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof EngineRefused && error.status === 404;
}

export interface CallOptions {
  /** Milliseconds until the engine counts as dead. */
  readonly timeout?: number;
  /** Gives up waiting; the engine may still carry the call out. */
  readonly signal?: AbortSignal | undefined;
}

/** Ordinary calls answer in under 0.4 s on an idle engine (`start` is the slowest); a loaded one takes seconds. */
const CALL_TIMEOUT = 60_000;

/** The one connection to Docker Engine. dockerode's types stay in this folder. */
export class Engine {
  readonly #docker: Dockerode;

  /** Without a path: DOCKER_HOST, or `/var/run/docker.sock`. */
  constructor(socketPath?: string) {
    this.#docker = socketPath === undefined ? new Dockerode() : new Dockerode({ socketPath });
  }

  /**
   * One call to the engine. `what` completes the sentence "Docker Engine refused to …".
   * @throws MitsubakoError `engine-dead` when it does not answer, EngineRefused when it answers no, the signal's reason when aborted.
   */
  async call<T>(
    what: string,
    work: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>,
    { timeout = CALL_TIMEOUT, signal }: CallOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new Error(`no answer within ${timeout / 1000} s`));
    }, timeout);
    const giveUp = () => {
      abort.abort(signal?.reason);
    };
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      return await work(this.#docker, abort.signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw engineError(what, abort.signal.aborted ? abort.signal.reason : error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** @throws MitsubakoError `engine-dead` */
  async info(): Promise<EngineInfo> {
    return (await this.call("tell about itself", (docker) => docker.info(), {
      timeout: 15_000,
    })) as EngineInfo;
  }
}

/** What we read of `docker info`. */
export interface EngineInfo {
  readonly ServerVersion: string;
  readonly DockerRootDir: string;
  readonly Driver: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly CpuCfsPeriod?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly CPUShares?: boolean;
  readonly CPUSet?: boolean;
  readonly PidsLimit?: boolean;
  readonly CgroupVersion?: string;
  readonly SecurityOptions?: readonly string[];
  /** What the kernel lacks, in sentences; null when nothing. */
  readonly Warnings?: readonly string[] | null;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

function engineError(what: string, error: unknown): Error {
  if (error instanceof MitsubakoError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const status = (cause as { statusCode?: unknown }).statusCode;
  if (typeof status === "number") return new EngineRefused(what, status, cause);
  return new MitsubakoError(
    "engine-dead",
    `Docker Engine does not answer (asked to ${what}): ${cause.message}.`,
    {
      remedy: "Start it (systemctl start docker, or dockerd) and see that its socket can be reached.",
      cause,
    },
  );
}

/** dockerode's messages are `(HTTP code 409) reason - text `; the text is what helps. */
function reasonIn(error: Error): string {
  return error.message
    .replace(/^\(HTTP code \d+\) .*? - /, "")
    .trim()
    .replace(/\.$/, "");
}

import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInspectInfo } from "dockerode";
import type { SandboxId } from "../model/ids.ts";
import { Archive } from "./archive.ts";
import { hasCappedDisk, uncapDisk } from "./disk.ts";
import { EngineRefused, isGone, type Engine } from "./docker.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { endRemains, removeControlGroups } from "./remains.ts";

const FREEZE_TRIES = 5;
/** Milliseconds. */
const FREEZE_PAUSE = 200;

/** One container of the engine, whatever state its sandbox is in. */
export class SandboxContainer {
  readonly id: SandboxId;
  /** The engine's id, 64 hexadecimal characters. */
  readonly container: string;
  readonly address: string;
  readonly image: string;
  readonly archive: Archive;
  readonly facts: EngineFacts;
  readonly #engine: Engine;

  constructor(
    engine: Engine,
    facts: EngineFacts,
    names: { id: SandboxId; container: string; address: string; image: string },
  ) {
    this.#engine = engine;
    this.facts = facts;
    this.id = names.id;
    this.container = names.container;
    this.address = names.address;
    this.image = names.image;
    this.archive = new Archive(engine, names.container, facts.remap);
  }

  get engine(): Engine {
    return this.#engine;
  }

  /**
   * Waited for to its end: an engine that is asked to remove a container which it is still starting can keep its place on the
   * network for ever, and then neither removes that network (seen with 20.10).
   */
  async start(): Promise<void> {
    await this.#engine.call("start a sandbox", (docker, abortSignal) =>
      docker.getContainer(this.container).start({ abortSignal }),
    );
  }

  inspect(): Promise<ContainerInspectInfo> {
    return this.#engine.call("describe a sandbox", (docker, abortSignal) =>
      docker.getContainer(this.container).inspect({ abortSignal }),
    );
  }

  /** Undefined when it is gone or stopped: there is nothing to freeze then. About 25 ms, and as much to thaw. */
  async freeze(): Promise<AsyncDisposable | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#engine.call("freeze a sandbox", (docker, abortSignal) =>
          docker.getContainer(this.container).pause({ abortSignal }),
        );
        break;
      } catch (error) {
        const { State: state } = await this.inspect();
        // Whoever froze it before did not thaw it: it is ours to thaw now.
        if (state.Paused) break;
        if (!state.Running) return undefined;
        // runc 1.1 gives up ("unable to freeze") when new processes come faster than it looks, as on a very busy machine.
        if (!(error instanceof EngineRefused) || tries === FREEZE_TRIES) throw error;
        await sleep(FREEZE_PAUSE);
      }
    }
    return { [Symbol.asyncDispose]: () => this.#thaw() };
  }

  async #thaw(): Promise<void> {
    try {
      await this.#engine.call("thaw a sandbox", (docker, abortSignal) =>
        docker.getContainer(this.container).unpause({ abortSignal }),
      );
    } catch (error) {
      // It was killed meanwhile.
      if (!(error instanceof EngineRefused)) throw error;
      const { State: state } = await this.inspect();
      if (state.Paused) throw error;
    }
  }

  /** Kills whatever runs in it; what it changed stays until `remove`. Not an error when nothing runs. */
  async kill(): Promise<void> {
    try {
      await this.#engine.call("kill a sandbox", (docker, abortSignal) =>
        docker.getContainer(this.container).kill({ signal: "SIGKILL", abortSignal }),
      );
    } catch (error) {
      if (!(error instanceof EngineRefused && (error.status === 404 || error.status === 409))) throw error;
    }
  }

  /** Kills whatever runs in it and takes it away. Not an error when it is gone. */
  async remove(): Promise<void> {
    await removeContainer(this.#engine, this.container);
  }
}

/** Milliseconds. A container whose disk is full of files takes the engine seconds to delete. */
const REMOVE_TIMEOUT = 180_000;

/** Ends whatever runs in it, unmounts its own disk, removes. @returns whether there was one. */
export async function removeContainer(engine: Engine, id: string): Promise<boolean> {
  try {
    const info = await engine.call("describe a sandbox", (docker) => docker.getContainer(id).inspect());
    if (info.State.Running) await end(engine, id);
    const wasForgotten = await endRemains(id);
    // The engine cannot delete a folder that something is mounted on.
    if (hasCappedDisk(info)) await uncapDisk(info);
    await engine.call(
      "remove a sandbox",
      (docker, abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      { timeout: REMOVE_TIMEOUT },
    );
    if (wasForgotten || info.State.Status === "created") await removeControlGroups(id);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    // Another removal of the same container is under way; it is as good as ours.
    if (error instanceof EngineRefused && error.status === 409 && /already in progress/.test(error.message))
      return false;
    throw error;
  }
}

function end(engine: Engine, id: string): Promise<void> {
  return engine.call("end a sandbox", async (docker, abortSignal) => {
    const container = docker.getContainer(id);
    // 409: it ended by itself.
    await container.kill({ signal: "SIGKILL", abortSignal }).catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode !== 409) throw error;
    });
    await container.wait({ abortSignal });
  });
}

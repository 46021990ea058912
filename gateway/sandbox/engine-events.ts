import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Engine } from "./docker.ts";
import { slotFilter } from "./labels.ts";

/** Milliseconds until the stream is opened again after it broke. */
const PAUSE = 1000;

export interface EndsWatch {
  readonly engine: Engine;
  readonly slot: number;
  readonly onEnd: (container: string) => void;
  /** The containers that should run. */
  readonly known: () => Iterable<string>;
  /** The engine answers, for the first time or again. */
  readonly onEngine: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Tells of each container of the slot that ended, whether the engine says so or, after the connection to it was lost, it is
 * found missing. Until the signal is aborted.
 */
export async function watchEnds(watch: EndsWatch): Promise<void> {
  const { signal, log } = watch;
  const isOver = () => signal.aborted;
  while (!isOver()) {
    try {
      await follow(watch);
    } catch (error) {
      if (isOver()) return;
      log.warn({ err: error }, "the engine's events cannot be followed for now");
    }
    await sleep(PAUSE, undefined, { signal }).catch(() => undefined);
  }
}

async function follow({ engine, slot, onEnd, known, onEngine, signal }: EndsWatch): Promise<void> {
  const filters = { ...slotFilter(slot), type: ["container"], event: ["die", "destroy"] };
  const stream = (await engine.call("tell of events", (docker) =>
    docker.getEvents({ filters: JSON.stringify(filters), abortSignal: signal }),
  )) as NodeJS.ReadableStream & { destroy(): void };
  const close = () => {
    stream.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    // What ended before the stream was open was not told. In this order: what starts meanwhile is not missed.
    const before = [...known()];
    const running = await engine.call("list the sandboxes", (docker) =>
      docker.listContainers({ filters: slotFilter(slot) }),
    );
    const ids = new Set(running.map(({ Id }) => Id));
    for (const container of before) if (!ids.has(container)) onEnd(container);
    onEngine();
    let rest = "";
    for await (const part of stream) {
      const lines = (rest + part.toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") onEnd((JSON.parse(line) as { id: string }).id);
    }
  } finally {
    signal.removeEventListener("abort", close);
    stream.destroy();
  }
}

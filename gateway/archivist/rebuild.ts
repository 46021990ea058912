import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EventContext } from "../events/cowrie.ts";
import { FileSink } from "../events/sink-file.ts";
import { recordings } from "../index/find-recording.ts";
import { rebuildIndex, type Rebuilt } from "../index/rebuild.ts";
import { IndexStore } from "../index/store.ts";
import { finishSession } from "./finish.ts";

export interface RebuildOptions {
  /** As the gateway whose recordings these are has them. */
  readonly context: EventContext;
  /** Where the events are written; a folder that holds none yet. */
  readonly eventsFolder: string;
  readonly rotateAt: number;
  /** Called after each recording with how many were read, first for the index and then for the events. */
  readonly progress?: (sessions: number) => void;
}

/**
 * Makes index and events anew from recordings and captures alone, by the code that makes them live. The events of a session are
 * the same as then, in the same order; sessions follow each other by day and id, where live ones were interleaved.
 */
export async function rebuild(dataFolder: string, options: RebuildOptions): Promise<Rebuilt> {
  const { context, eventsFolder, rotateAt, progress } = options;
  // The index first: it says which artifact was seen before which.
  const rebuilt = await rebuildIndex(dataFolder, progress);
  const problems = [...rebuilt.problems];
  mkdirSync(eventsFolder, { recursive: true, mode: 0o750 });
  const problem = (message: string) => {
    problems.push(message);
  };
  using index = IndexStore.open(dataFolder);
  const sink = new FileSink(eventsFolder, { rotate: "size", rotateAt, keep: Infinity }, problem);
  let sessions = 0;
  for (const { session, path, live } of recordings(dataFolder)) {
    if (live) continue;
    try {
      await finishSession(session, dirname(path), {
        dataFolder,
        context,
        index,
        problem,
        emit: (_, events) => {
          sink.write(events);
        },
      });
      progress?.(++sessions);
    } catch (error) {
      problem(`${join(dataFolder, path)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  sink.close();
  return { ...rebuilt, problems };
}

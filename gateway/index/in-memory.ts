import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { FoundRecording } from "./find-recording.ts";
import { IndexReader } from "./query.ts";
import { prepareSchema } from "./schema.ts";
import { IndexStore } from "./store.ts";
import { takeIn } from "./take-in.ts";
import { isMissing } from "../model/missing.ts";

/**
 * An index of these recordings that lives as long as its reader, for when the data folder's own does not have them. It is written and asked
 * like that one, so every filter means the same.
 *
 * @param problem told of a recording that cannot be read; the others are.
 */
export async function readIntoMemory(
  dataFolder: string,
  recordings: Iterable<FoundRecording>,
  problem: (message: string) => void,
): Promise<IndexReader> {
  const database = new DatabaseSync(":memory:");
  try {
    prepareSchema(database);
    const index = new IndexStore(database, join(dataFolder, "artifacts"));
    for (const recording of recordings) {
      try {
        await takeIn(index, dataFolder, recording);
      } catch (error) {
        // One that was moved meanwhile comes again as another, or with the next call.
        if (isMissing(error)) continue;
        problem(`${recording.path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return new IndexReader(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

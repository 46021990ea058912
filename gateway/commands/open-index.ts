import { recordings } from "../index/find-recording.ts";
import { IndexReader } from "../index/query.ts";
import { escapeText } from "../model/bytes.ts";
import type { Output } from "./human.ts";

/** The index of a data folder, or one in memory of all its recordings, of which the operator is told. */
export async function openIndex(dataFolder: string, output: Output): Promise<IndexReader> {
  const index = IndexReader.open(dataFolder);
  if (index !== undefined) return index;
  output.stderr.write("There is no index, or one of another version; reading all recordings.\n");
  // Reading recordings takes much code, which is loaded only where there is no index.
  const { readIntoMemory } = await import("../index/in-memory.ts");
  return await readIntoMemory(dataFolder, recordings(dataFolder), (problem) => {
    output.stderr.write(`${escapeText(problem)}\n`);
  });
}

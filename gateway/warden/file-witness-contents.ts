import type { FileFact } from "../model/file-facts.ts";
import type { Policy } from "../model/policy.ts";
import type { Artifacts } from "../sandbox/artifacts.ts";
import type { KeptArtifacts } from "../sandbox/kept-artifacts.ts";
import { BrokenContent, type WitnessedFile } from "./file-witness-records.ts";

export interface ContentsOptions {
  readonly artifacts: Artifacts;
  /** What is kept of the sandbox, by this and by its captures. */
  readonly kept: KeptArtifacts;
  /** Asked each time. */
  readonly bounds: () => Policy["evidence"];
}

/** The hash under which a content is kept, or why it is not. */
export type Outcome = Pick<FileFact, "sha256" | "leftOut">;

/** Contents of which a later record may speak: more than a witness holds descriptors. */
const MOST_REMEMBERED = 2048;
/** Bytes up to which a content is kept in one go. */
const WHOLE = 256 * 1024;

/** Keeps what the witness of one sandbox passes on, within the bounds. */
export class WitnessedContents {
  readonly #options: ContentsOptions;
  readonly #outcomes = new Map<number, Outcome>();

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  /** Reads the content to its end, whatever becomes of it. @throws MitsubakoError `disk-full`; BrokenWitness. */
  async take(file: WitnessedFile): Promise<Outcome> {
    const outcome = await this.#outcomeOf(file);
    const { number } = file;
    // The youngest last.
    this.#outcomes.delete(number);
    this.#outcomes.set(number, outcome);
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size <= MOST_REMEMBERED) break;
      this.#outcomes.delete(oldest);
    }
    return outcome;
  }

  async #outcomeOf({ content, number, size }: WitnessedFile): Promise<Outcome> {
    if (content === "as-before") return this.#outcomes.get(number) ?? { leftOut: "count-reached" };
    if (typeof content === "string") return { leftOut: content };
    return this.keep(content, size);
  }

  /** As `take`, of what has no number. @param size bytes that it had at first. */
  async keep(content: AsyncIterable<Buffer>, size: number): Promise<Outcome> {
    const { kept, bounds } = this.#options;
    const leftOut = kept.overBounds(bounds(), size);
    try {
      if (leftOut === undefined) return await this.#keep(content, size);
      await passOver(content);
      return { leftOut };
    } catch (error) {
      if (error instanceof BrokenContent) return { leftOut: "unreadable" };
      throw error;
    }
  }

  /** Why a content of that size is not kept any more, without reading it. */
  leftOut(size: number): Outcome["leftOut"] {
    return this.#options.kept.overBounds(this.#options.bounds(), size);
  }

  async #keep(content: AsyncIterable<Buffer>, size: number): Promise<Outcome> {
    const { artifacts, kept } = this.#options;
    // What is small at first may grow while it is read; the witness stops at its own bound.
    const isSmall = size <= WHOLE;
    const keeping = isSmall
      ? artifacts.keepWhole(await whole(content))
      : await artifacts.keep(content, Number.MAX_SAFE_INTEGER);
    if (keeping === undefined) return { leftOut: "too-large" };
    kept.add(keeping.sha256, keeping.size);
    return { sha256: keeping.sha256 };
  }
}

async function passOver(content: AsyncIterable<Buffer>): Promise<void> {
  const pieces = content[Symbol.asyncIterator]();
  while ((await pieces.next()).done !== true);
}

async function whole(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

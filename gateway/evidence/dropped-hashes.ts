import { createHash, type Hash } from "node:crypto";
import type { ByteString } from "../model/bytes.ts";
import type { Contents } from "./contents.ts";
import type { DroppedFile } from "./dropped-file.ts";
import type { Dropped } from "./observation.ts";

/** Entries told of one file: who writes more pieces is shown by the first of them. */
const MOST_PIECES = 256;

/** What is known of dropped files without keeping them: size and hash. */
export class DroppedHashes {
  readonly #entry: () => number;
  #finished: Dropped[] = [];
  /** Contents that were seen in the sandbox itself. */
  readonly #seen = new Set<string>();

  /** @param entry the ordinal of the entry that is read. */
  constructor(entry: () => number) {
    this.#entry = entry;
  }

  readonly open = (file: DroppedFile): Contents => {
    const hash = createHash("sha256");
    const pieces: number[] = [];
    let size = 0;
    return {
      write: (_, bytes) => {
        hash.update(bytes);
        size += bytes.length;
        if (pieces.length < MOST_PIECES && pieces.at(-1) !== this.#entry()) pieces.push(this.#entry());
      },
      end: ({ complete, certainty = "typed" }) => {
        if (certainty === "failed") return;
        const known = { whole: complete && file.appended !== true, certainty };
        this.#finished.push(dropped(file, hash, size, pieces, known, this.#seen));
      },
    };
  };

  /** A file with this content was seen in the sandbox. */
  seen(sha256: string): void {
    if (this.#seen.size < MOST_SEEN) this.#seen.add(sha256);
  }

  /** Those that are done since the last time. */
  take(): Dropped[] {
    return this.#finished.length === 0 ? this.#finished : this.#finished.splice(0);
  }
}

function dropped(
  { way, decoded, channel, at, path, appended }: DroppedFile,
  hash: Hash,
  size: number,
  pieces: readonly number[],
  { whole, certainty }: Pick<Dropped, "whole" | "certainty">,
  seen: ReadonlySet<string>,
): Dropped {
  const sha256 = whole ? hash.digest("hex") : undefined;
  return {
    kind: "dropped",
    channel,
    path: path.slice(0, LONGEST_PATH) as ByteString,
    certainty: sha256 !== undefined && size > 0 && seen.has(sha256) ? "written" : certainty,
    way,
    ...(decoded === undefined ? {} : { decoded }),
    startedAt: at,
    size,
    whole,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(appended === true ? { appended } : {}),
    pieces,
  };
}

const MOST_SEEN = 4096;
const LONGEST_PATH = 4096;

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
      end: ({ complete }) => {
        this.#finished.push(dropped(file, hash, size, pieces, complete));
      },
    };
  };

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
  complete: boolean,
): Dropped {
  const whole = complete && appended !== true;
  return {
    kind: "dropped",
    channel,
    path: path.slice(0, LONGEST_PATH) as ByteString,
    way,
    ...(decoded === undefined ? {} : { decoded }),
    startedAt: at,
    size,
    whole,
    ...(whole ? { sha256: hash.digest("hex") } : {}),
    ...(appended === true ? { appended } : {}),
    pieces,
  };
}

const LONGEST_PATH = 4096;

import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Contents } from "../../evidence/contents.ts";
import type { Encoding } from "../../evidence/decoder.ts";
import type { DroppedFile } from "../../evidence/dropped-file.ts";
import { fromByteString, toByteString, type ByteString } from "../../model/bytes.ts";
import { jsonText } from "../../model/json.ts";
import { noRoom } from "./destination.ts";
import { Extents } from "./extents.ts";
import { safeName } from "./safe-name.ts";

export const MANIFEST = "files.json";
/** Files of one session; whoever moves more of them moves nothing that anybody will look at one by one. */
const MOST_FILES = 100_000;
const MOST_OPEN = 64;
/** No file is made to seem longer than this: a stranger writes one byte at an offset of his choice. */
const LONGEST = 2 ** 40;
const LONGEST_PATH = 4096;

/** How a file came. */
export interface Way {
  readonly way: "sftp" | "scp" | DroppedFile["way"];
  /** What it passed through before it was written. */
  readonly decoded?: Encoding;
  readonly channel: number;
  /** Time of day, when it began. */
  readonly at: string;
  /** As said; one character per byte. */
  readonly path: string;
  /** Added to a file of which the beginning is not known. */
  readonly appended?: boolean;
}

/**
 * A folder with the files that a session moved, and a manifest of them. What strangers said about a file stands in the manifest; its name
 * in the folder is ours. Nothing is written over, nothing is executable, and nothing is kept in memory but a few open files.
 */
export class FileStore {
  readonly #folder: string;
  readonly #manifest: number;
  /** Those with an open descriptor, the one used last at the end. */
  readonly #open = new Map<StoredFile, number>();
  readonly #unfinished = new Set<StoredFile>();
  #told = 0;
  count = 0;
  /** Files that there was no room for. */
  leftOut = 0;

  /** @param folder new and empty. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#manifest = openSync(join(folder, MANIFEST), "wx", 0o600);
    this.#write(this.#manifest, Buffer.from("["), null, MANIFEST);
  }

  /** A new file, or something that takes its bytes and forgets them. */
  add(way: Way): Contents {
    if (this.count >= MOST_FILES) {
      this.leftOut += 1;
      return { write: () => undefined, end: () => undefined };
    }
    this.count += 1;
    const name = safeName(this.count, way.path);
    // Made at once: a file without a byte is one too.
    const file = new StoredFile(this, name, way);
    this.#opened(file, constants.O_CREAT | constants.O_EXCL);
    this.#unfinished.add(file);
    return file;
  }

  /** Whatever was not ended is ended as it is; then the manifest is whole. */
  finish(): void {
    for (const file of [...this.#unfinished]) file.end({ direction: "upload", complete: false });
    this.#write(this.#manifest, Buffer.from(this.#told === 0 ? "]\n" : "\n]\n"), null, MANIFEST);
    closeSync(this.#manifest);
  }

  put(file: StoredFile, bytes: Buffer, offset: number): void {
    this.#write(this.#opened(file), bytes, offset, file.name);
  }

  /** SHA-256 of what lies there. */
  hash(file: StoredFile): string {
    const fd = this.#opened(file);
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafe(256 * 1024);
    for (let at = 0; ;) {
      const read = readSync(fd, buffer, 0, buffer.length, at);
      if (read === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, read));
      at += read;
    }
  }

  tell(file: StoredFile, facts: object): void {
    this.#unfinished.delete(file);
    const fd = this.#open.get(file);
    if (fd !== undefined) closeSync(fd);
    this.#open.delete(file);
    const line = `${this.#told === 0 ? "" : ","}\n${jsonText(facts)}`;
    this.#told += 1;
    this.#write(this.#manifest, Buffer.from(line), null, MANIFEST);
  }

  #opened(file: StoredFile, create = 0): number {
    let fd = this.#open.get(file);
    if (fd !== undefined) {
      this.#open.delete(file);
    } else {
      const [oldest] = this.#open;
      if (this.#open.size >= MOST_OPEN && oldest !== undefined) {
        closeSync(oldest[1]);
        this.#open.delete(oldest[0]);
      }
      const path = join(this.#folder, file.name);
      try {
        fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | create, 0o600);
      } catch (error) {
        throw noRoom(error, path);
      }
    }
    this.#open.set(file, fd);
    return fd;
  }

  #write(fd: number, bytes: Buffer, offset: number | null, name: string): void {
    try {
      for (let done = 0; done < bytes.length;)
        done += writeSync(fd, bytes, done, bytes.length - done, offset === null ? null : offset + done);
    } catch (error) {
      throw noRoom(error, join(this.#folder, name));
    }
  }
}

class StoredFile implements Contents {
  readonly name: string;
  readonly #store: FileStore;
  readonly #way: Way;
  readonly #extents = new Extents();
  /** Of the bytes so far, while they come in order. */
  #hash: Hash | undefined = createHash("sha256");
  #beyond = 0;
  #ended = false;

  constructor(store: FileStore, name: string, way: Way) {
    this.#store = store;
    this.name = name;
    this.#way = way;
  }

  write(offset: number, bytes: Buffer): void {
    if (bytes.length === 0 || this.#ended) return;
    if (offset + bytes.length > LONGEST) {
      this.#beyond += bytes.length;
      return;
    }
    if (offset === this.#extents.end) this.#hash?.update(bytes);
    else this.#hash = undefined;
    this.#extents.add(offset, offset + bytes.length);
    this.#store.put(this, bytes, offset);
  }

  end({ direction, complete, certainty }: Parameters<Contents["end"]>[0]): void {
    if (this.#ended) return;
    this.#ended = true;
    const { way, decoded, channel, at, path, appended } = this.#way;
    const holes = this.#extents.holes();
    const solid = holes.length === 0 && this.#beyond === 0;
    // Of a file with holes nobody knows the hash; of one without, its size is what was sent, and reading it is cheap.
    const sha256 = solid ? (this.#hash?.digest("hex") ?? this.#store.hash(this)) : undefined;
    this.#store.tell(this, {
      file: this.name,
      ...said(path),
      direction,
      way,
      ...(decoded === undefined ? {} : { decoded }),
      channel,
      at,
      size: this.#extents.end,
      ...(sha256 === undefined ? {} : { sha256 }),
      whole: solid && complete && appended !== true,
      ...(certainty === undefined ? {} : { certainty }),
      ...(appended === true ? { appended } : {}),
      ...(holes.length === 0 ? {} : { holes }),
      ...(this.#beyond === 0 ? {} : { beyond: this.#beyond }),
    });
  }
}

/** As text, and as bytes in base64 where text cannot hold them. */
function said(path: string): { path: string; pathBytes?: string } {
  const bytes = fromByteString(path.slice(0, LONGEST_PATH) as ByteString);
  const text = bytes.toString("utf8");
  return toByteString(Buffer.from(text)) === toByteString(bytes)
    ? { path: text }
    : { path: text, pathBytes: bytes.toString("base64") };
}

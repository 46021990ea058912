import type { Contents } from "./contents.ts";
import type { DroppedFile, OpenDropped } from "./dropped-file.ts";
import type { Dropper } from "./dropper.ts";
import { Fates, type Fate } from "./fates.ts";

/** Files that later commands may add to. */
const MOST_GROWING = 1024;
/** Of one file, and of all: what a later command may copy or decode is kept in memory to here. */
const MOST_KEPT = 1024 * 1024;
const MOST_KEPT_OF_ALL = 8 * 1024 * 1024;
/** Commands of which it is not known yet whether they were run. */
const MOST_OPEN = 8192;

/** A file that commands write, which later ones may add to. */
export interface Growing {
  readonly contents: Contents;
  size: number;
  exact: boolean;
  /** Undefined: its beginning is not known, or it is too much. */
  kept: Buffer[] | undefined;
  /** Of the commands that write it. */
  readonly fates: Fates;
  /** Nothing will be added to it. */
  isOver: boolean;
}

/** A command that writes a file, until it is known whether it was run. */
export interface OpenFate {
  /** Only the first call counts. */
  settle(fate: Fate): void;
}

/** Files of one session that shells' commands wrote, by the path they were given. */
export class GrowingFiles {
  readonly #open: OpenDropped;
  readonly #files = new Map<string, Growing>();
  /** Paths at which there is nothing: what is added begins a file. */
  readonly #emptied = new Set<string>();
  #kept = 0;
  readonly #unsettled = new Set<OpenFate>();

  /** @param open called for each file, no later than with its first byte. */
  constructor(open: OpenDropped) {
    this.#open = open;
  }

  open({ from, decoded, to }: Dropper, channel: number, at: bigint): Growing {
    const known = this.#files.get(to.path);
    if (known !== undefined && to.appends) return known;
    if (known !== undefined) this.#end(to.path, known);
    const [oldest] = this.#files;
    if (this.#files.size >= MOST_GROWING && oldest !== undefined) this.#end(...oldest);
    const isAppended = to.appends && !this.#emptied.has(to.path);
    const told: DroppedFile = {
      way: from.kind === "bytes" ? from.way : from.kind === "files" ? "copy" : from.kind,
      channel,
      at,
      path: to.path,
      ...(decoded === undefined ? {} : { decoded }),
      ...(isAppended ? { appended: true } : {}),
    };
    this.#emptied.delete(to.path);
    const file: Growing = {
      contents: this.#open(told),
      size: 0,
      exact: true,
      kept: isAppended ? undefined : [],
      fates: new Fates(),
      isOver: false,
    };
    this.#files.set(to.path, file);
    return file;
  }

  /** One more command writes this file. */
  fateOf(file: Growing): OpenFate {
    const [oldest] = this.#unsettled;
    if (this.#unsettled.size >= MOST_OPEN) oldest?.settle("unknown");
    file.fates.begins();
    const open: OpenFate = {
      settle: (fate) => {
        if (!this.#unsettled.delete(open)) return;
        file.fates.settled(fate);
        if (file.isOver) this.#tell(file);
      },
    };
    this.#unsettled.add(open);
    return open;
  }

  /** What comes for a file that was written anew meanwhile goes nowhere. */
  write(file: Growing, bytes: Buffer): void {
    if (file.isOver) return;
    file.contents.write(file.size, bytes);
    file.size += bytes.length;
    if (file.kept === undefined) return;
    if (file.size > MOST_KEPT || this.#kept + bytes.length > MOST_KEPT_OF_ALL) this.#forget(file);
    else {
      // Copied: the buffer is a view of the reader's.
      file.kept.push(Buffer.from(bytes));
      this.#kept += bytes.length;
    }
  }

  /** What is in these files, one after the other; undefined where that is not known in full. */
  contentsOf(paths: readonly string[]): { bytes: Buffer; exact: boolean } | undefined {
    const files = paths.slice(0, MOST_GROWING).map((path) => this.#files.get(path));
    const pieces: Buffer[] = [];
    let size = 0;
    for (const file of files) {
      if (file?.kept === undefined || (size += file.size) > MOST_KEPT) return undefined;
      pieces.push(...file.kept);
    }
    return { bytes: Buffer.concat(pieces), exact: files.every((file) => file?.exact === true) };
  }

  empty(path: string): void {
    const known = this.#files.get(path);
    if (known !== undefined) this.#end(path, known);
    if (this.#emptied.size < MOST_GROWING) this.#emptied.add(path);
  }

  finish(): void {
    for (const open of [...this.#unsettled]) open.settle("unknown");
    for (const [path, file] of [...this.#files]) this.#end(path, file);
  }

  #end(path: string, file: Growing): void {
    this.#files.delete(path);
    this.#forget(file);
    file.isOver = true;
    this.#tell(file);
  }

  /** When all is known of it that will be. */
  #tell(file: Growing): void {
    if (file.fates.areOpen) return;
    const { certainty } = file.fates;
    // Of what was not written, or not by each of them, nobody knows the content.
    const complete = file.exact && !file.fates.hasFailed;
    file.contents.end({ direction: "upload", complete, certainty });
  }

  #forget(file: Growing): void {
    for (const { length } of file.kept ?? []) this.#kept -= length;
    file.kept = undefined;
  }
}

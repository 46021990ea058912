import type { Contents } from "./contents.ts";
import { decoderOf, type Decoder, type Encoding } from "./decoder.ts";
import type { DroppedFile, OpenDropped } from "./dropped-file.ts";
import { dropperOf, emptiedBy, type Dropper } from "./dropper.ts";
import { readShell } from "./shell-words.ts";
import { commandsIn } from "./simple-commands.ts";

/** Shells that start shells. */
const DEEPEST = 3;
/** Files that later commands may add to. */
const MOST_GROWING = 1024;
/** Of one file, and of all: what a later command may copy or decode is kept in memory to here. */
const MOST_KEPT = 1024 * 1024;
const MOST_KEPT_OF_ALL = 8 * 1024 * 1024;

/** A file that commands write, which later ones may add to. */
interface Growing {
  readonly contents: Contents;
  size: number;
  exact: boolean;
  /** Undefined: its beginning is not known, or it is too much. */
  kept: Buffer[] | undefined;
}

/** Files of one session that shells' commands wrote, by the path they were given. */
export class GrowingFiles {
  readonly #open: OpenDropped;
  readonly #files = new Map<string, Growing>();
  /** Paths at which there is nothing: what is added begins a file. */
  readonly #emptied = new Set<string>();
  #kept = 0;

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
    };
    this.#files.set(to.path, file);
    return file;
  }

  write(file: Growing, bytes: Buffer): void {
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
    for (const [path, file] of [...this.#files]) this.#end(path, file);
  }

  #end(path: string, file: Growing): void {
    this.#files.delete(path);
    this.#forget(file);
    file.contents.end({ direction: "upload", complete: file.exact });
  }

  #forget(file: Growing): void {
    for (const { length } of file.kept ?? []) this.#kept -= length;
    file.kept = undefined;
  }
}

/** One writing into a file, perhaps through a decoder. */
class Writing {
  readonly #files: GrowingFiles;
  readonly #file: Growing;
  readonly #decoder: Decoder | undefined;

  constructor(files: GrowingFiles, file: Growing, decoded: Encoding | undefined) {
    this.#files = files;
    this.#file = file;
    this.#decoder = decoderOf(decoded);
  }

  write(bytes: Buffer, exact: boolean): void {
    this.#files.write(
      this.#file,
      this.#decoder === undefined ? bytes : this.#decoder.push(bytes.toString("latin1")),
    );
    if (!exact) this.#file.exact = false;
  }

  /** @param exact false: more would have come. */
  end(exact: boolean): void {
    if (this.#decoder !== undefined) this.#files.write(this.#file, this.#decoder.end());
    if (!exact) this.#file.exact = false;
  }
}

/** Reads a shell's commands one after the other, and writes the files that they make out of what stands in them. */
export class ShellFiles {
  readonly #files: GrowingFiles;
  readonly #channel: number;
  /** What the channel sends from now on goes there: the first command that reads it. */
  #input: Writing | undefined;

  constructor(files: GrowingFiles, channel: number) {
    this.#files = files;
    this.#channel = channel;
  }

  /** A whole command, with its here-documents. @param at nanoseconds since the session's start. */
  command(text: string, exact: boolean, at: bigint, depth = 0): void {
    for (const pipeline of readShell(text).pipelines) {
      const emptied = emptiedBy(pipeline);
      if (emptied !== undefined) this.#files.empty(emptied);
      const [first] = pipeline;
      const inner =
        pipeline.length === 1 ? commandsIn(first?.words.map((word) => word.text) ?? []) : undefined;
      if (inner !== undefined && depth < DEEPEST)
        this.command(inner, exact && first?.words.every((word) => word.exact) === true, at, depth + 1);
      const dropper = dropperOf(pipeline);
      if (dropper !== undefined) this.#drop(dropper, exact, at);
    }
  }

  /** The shell reads its next command: whatever read what was sent before is done. */
  prompted(): void {
    this.#input?.end(true);
    this.#input = undefined;
  }

  /** A line that was typed while a command ran: it may have been for that, or not. */
  typed(text: string): void {
    this.#input?.write(Buffer.from(`${text}\n`, "latin1"), false);
  }

  /** A command reads whatever comes. */
  get readsInput(): boolean {
    return this.#input !== undefined;
  }

  /** What comes for that command. */
  input(bytes: Buffer): void {
    this.#input?.write(bytes, true);
  }

  /** @param inOrder the sender said that it was all. */
  end(inOrder: boolean): void {
    this.#input?.end(inOrder);
    this.#input = undefined;
  }

  #drop(dropper: Dropper, known: boolean, at: bigint): void {
    const { from, decoded } = dropper;
    // One channel has one input, which the first to read it reads to its end.
    if (from.kind === "standard input" && this.#input !== undefined) return;
    const source = from.kind === "files" ? this.#files.contentsOf(from.paths) : from;
    if (source === undefined) return;
    const writing = new Writing(this.#files, this.#files.open(dropper, this.#channel, at), decoded);
    if ("bytes" in source) {
      writing.write(source.bytes, source.exact && known);
      writing.end(true);
    } else this.#input = writing;
  }
}

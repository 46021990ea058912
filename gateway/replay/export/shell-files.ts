import type { Contents } from "../../evidence/contents.ts";
import { Base64Stream } from "./base64-stream.ts";
import { commandsIn, dropperOf, emptiedBy, type Dropper } from "./dropper.ts";
import type { FileStore, Way } from "./file-store.ts";
import { expanded, pipelinesOf } from "./shell-words.ts";

/** Of a command that goes over several lines: it is read anew with each. */
const LONGEST_COMMAND = 1024 * 1024;
const MOST_LINES = 200;
/** Shells that start shells. */
const DEEPEST = 3;
/** Files that later commands may add to. */
const MOST_GROWING = 1024;

/** A file that commands write, which later ones may add to. */
interface Growing {
  readonly contents: Contents;
  size: number;
  exact: boolean;
}

/** Files of one session that shells' commands wrote, by the path they were given. */
export class GrowingFiles {
  readonly #store: FileStore;
  readonly #files = new Map<string, Growing>();
  /** Paths at which there is nothing: what is added begins a file. */
  readonly #emptied = new Set<string>();

  constructor(store: FileStore) {
    this.#store = store;
  }

  open({ from, decoded, to }: Dropper, channel: number, at: string): Growing {
    const known = this.#files.get(to.path);
    if (known !== undefined && to.appends) return known;
    if (known !== undefined) this.#end(to.path, known);
    const [oldest] = this.#files;
    if (this.#files.size >= MOST_GROWING && oldest !== undefined) this.#end(...oldest);
    const way: Way = {
      way: from.kind === "bytes" ? from.way : from.kind,
      channel,
      at,
      path: to.path,
      ...(decoded ? { decoded: "base64" } : {}),
      ...(to.appends && !this.#emptied.has(to.path) ? { appended: true } : {}),
    };
    this.#emptied.delete(to.path);
    const file = { contents: this.#store.add(way), size: 0, exact: true };
    this.#files.set(to.path, file);
    return file;
  }

  empty(path: string): void {
    const known = this.#files.get(path);
    if (known !== undefined) this.#end(path, known);
    if (this.#emptied.size < MOST_GROWING) this.#emptied.add(path);
  }

  finish(): void {
    for (const [path, file] of [...this.#files]) this.#end(path, file);
  }

  #end(path: string, { contents, exact }: Growing): void {
    this.#files.delete(path);
    contents.end({ direction: "upload", complete: exact });
  }
}

/** One writing into a file, perhaps through a decoder. */
class Writing {
  readonly #file: Growing;
  readonly #decoder: Base64Stream | undefined;

  constructor(file: Growing, decoded: boolean) {
    this.#file = file;
    this.#decoder = decoded ? new Base64Stream() : undefined;
  }

  write(bytes: Buffer, exact: boolean): void {
    this.#put(this.#decoder === undefined ? bytes : this.#decoder.push(bytes.toString("latin1")));
    if (!exact) this.#file.exact = false;
  }

  /** @param exact false: more would have come. */
  end(exact: boolean): void {
    if (this.#decoder !== undefined) this.#put(this.#decoder.end());
    if (!exact) this.#file.exact = false;
  }

  #put(bytes: Buffer): void {
    this.#file.contents.write(this.#file.size, bytes);
    this.#file.size += bytes.length;
  }
}

interface Document {
  readonly delimiter: string;
  readonly stripsTabs: boolean;
  readonly quoted: boolean;
  /** Undefined: some program reads it that we do not follow. */
  readonly writing: Writing | undefined;
}

/** Reads a shell's lines one after the other, and writes the files that they make out of what stands in them. */
export class ShellFiles {
  readonly #files: GrowingFiles;
  readonly #channel: number;
  #pending = "";
  #lines = 0;
  #depth = 0;
  #exact = true;
  /** Here-documents to come, in their order. */
  #documents: Document[] = [];
  /** What the channel sends from now on goes there: the first command that reads it. */
  #input: Writing | undefined;

  constructor(files: GrowingFiles, channel: number) {
    this.#files = files;
    this.#channel = channel;
  }

  /** The whole command of an exec request. */
  command(text: string, at: string): void {
    for (const line of text.split("\n")) this.line(line, true, at);
  }

  /** A line at a terminal's prompt: whatever read what was typed before it is done. */
  prompted(text: string, exact: boolean, at: string): void {
    if (this.#documents.length === 0) {
      this.#input?.end(true);
      this.#input = undefined;
    }
    this.line(text, exact, at);
  }

  /** A line that was typed while a command ran: it may have been for that, or not. */
  typed(text: string, exact: boolean): void {
    const document = this.#documents[0];
    if (document !== undefined) this.#documentLine(document, text, exact);
    else this.#input?.write(Buffer.from(`${text}\n`, "latin1"), exact);
  }

  /** A line that a shell reads. */
  line(text: string, exact: boolean, at: string): void {
    const document = this.#documents[0];
    if (document !== undefined) {
      this.#documentLine(document, text, exact);
      return;
    }
    this.#exact &&= exact;
    this.#pending = `${this.#pending}${text}\n`;
    this.#lines += 1;
    const isTooMuch = this.#pending.length > LONGEST_COMMAND || this.#lines > MOST_LINES;
    const pipelines = isTooMuch ? [] : pipelinesOf(withoutLastFeed(this.#pending));
    if (pipelines === undefined) return;
    this.#pending = "";
    this.#lines = 0;
    const known = this.#exact;
    this.#exact = true;
    for (const pipeline of pipelines) {
      const emptied = emptiedBy(pipeline);
      if (emptied !== undefined) this.#files.empty(emptied);
      const inner = commandsIn(pipeline);
      if (inner !== undefined) this.#inner(inner.text, known && inner.exact, at);
      const dropper = dropperOf(pipeline);
      const writing = dropper === undefined ? undefined : this.#drop(dropper, known, at);
      for (const { redirects } of pipeline)
        for (const redirect of redirects)
          if (redirect.how === "here-document")
            this.#documents.push({
              delimiter: redirect.to.text,
              stripsTabs: redirect.stripsTabs === true,
              quoted: redirect.quoted === true,
              writing:
                dropper?.from.kind === "here-document" && dropper.from.redirect === redirect
                  ? writing
                  : undefined,
            });
    }
  }

  /** A command reads whatever comes. */
  get readsInput(): boolean {
    return this.#input !== undefined && this.#documents.length === 0;
  }

  /** What comes for that command. */
  input(bytes: Buffer): void {
    this.#input?.write(bytes, true);
  }

  /** @param inOrder the sender said that it was all. */
  end(inOrder: boolean): void {
    this.#input?.end(inOrder);
    this.#input = undefined;
    for (const { writing } of this.#documents.splice(0)) writing?.end(false);
  }

  /** Commands within a command: their here-documents end with them. */
  #inner(text: string, exact: boolean, at: string): void {
    if (this.#depth >= DEEPEST) return;
    const outer = this.#documents;
    this.#documents = [];
    this.#depth += 1;
    for (const line of text.split("\n")) this.line(line, exact, at);
    this.#depth -= 1;
    for (const { writing } of this.#documents) writing?.end(false);
    this.#documents = outer;
    this.#pending = "";
    this.#lines = 0;
    this.#exact = true;
  }

  #drop(dropper: Dropper, known: boolean, at: string): Writing | undefined {
    // One channel has one input, which the first to read it reads to its end.
    if (dropper.from.kind === "standard input" && this.#input !== undefined) return undefined;
    const file = this.#files.open(dropper, this.#channel, at);
    const writing = new Writing(file, dropper.decoded);
    switch (dropper.from.kind) {
      case "bytes":
        writing.write(dropper.from.bytes, dropper.from.exact && known);
        writing.end(true);
        break;
      case "standard input":
        this.#input = writing;
        break;
      case "here-document":
        break;
      default:
        dropper.from satisfies never;
    }
    return writing;
  }

  #documentLine(document: Document, text: string, exact: boolean): void {
    const line = document.stripsTabs ? text.replace(/^\t+/, "") : text;
    if (line === document.delimiter) {
      document.writing?.end(true);
      this.#documents.shift();
      return;
    }
    if (document.quoted) {
      document.writing?.write(Buffer.from(`${line}\n`, "latin1"), exact);
      return;
    }
    const read = expanded(`${line}\n`, /\\([$`\\]|\n)/g);
    document.writing?.write(Buffer.from(read.text, "latin1"), exact && read.exact);
  }
}

function withoutLastFeed(text: string): string {
  return text.slice(0, -1);
}

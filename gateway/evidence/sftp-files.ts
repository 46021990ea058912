import { createHash, type Hash } from "node:crypto";
import { ByteFrames, type FrameSink } from "./byte-frames.ts";
import type { Contents, OpenContents } from "./contents.ts";
import { Reader } from "../ssh/messages/reader.ts";
import type { FileOperation, Transferred } from "./observation.ts";
import {
  ATTRS,
  CLOSE,
  DATA,
  EXTENDED,
  FSTAT,
  HANDLE,
  LSTAT,
  MKDIR,
  OPEN,
  READ,
  REMOVE,
  RENAME,
  RMDIR,
  SETSTAT,
  STAT,
  STATUS,
  SYMLINK,
  WRITE,
  asked,
  sizeOfFile,
  type Asked,
} from "./sftp-requests.ts";

type Said = Transferred | FileOperation;

/**
 * Files moved by SFTP (draft-ietf-secsh-filexfer-02, the version that OpenSSH speaks), from both directions of the channel.
 * A file's SHA-256 is known when its bytes came in order from the first on; `whole` says that it was also closed
 * (and for a download, read to its end: told so, or as long as the server had said it is). Contents are hashed, not kept; whoever wants them is given them as they pass.
 */
export class SftpFiles {
  readonly #fromClient: ByteFrames;
  readonly #fromServer: ByteFrames;
  /** Requests without an answer yet, by id. */
  readonly #asked = new Map<number, Asked>();
  /** Open files, by handle. */
  readonly #open = new Map<string, OpenFile>();
  /** Sizes of files that the server was asked for, by path. */
  readonly #sizes = new Map<string, number>();
  readonly #openContents: OpenContents | undefined;
  readonly #mostAsked: number;
  #out: Said[] = [];

  /** @param options.mostAsked requests that are remembered until their answer; some clients ask for all of a file at once. */
  constructor(options: { readonly contents?: OpenContents; readonly mostAsked?: number } = {}) {
    this.#openContents = options.contents;
    this.#mostAsked = options.mostAsked ?? MOST_ASKED;
    this.#fromClient = new ByteFrames((type, length) => this.#request(type, length));
    this.#fromServer = new ByteFrames((type, length) => this.#answer(type, length));
  }

  /** Throws RangeError, as `server` does, when the bytes are not SFTP. */
  client(bytes: Buffer): Said[] {
    this.#fromClient.push(bytes);
    return this.#out.splice(0);
  }

  server(bytes: Buffer): Said[] {
    this.#fromServer.push(bytes);
    return this.#out.splice(0);
  }

  /** The channel is over: what was still open was not whole. */
  end(): Said[] {
    for (const file of this.#open.values()) this.#closed(file, false);
    this.#open.clear();
    return this.#out.splice(0);
  }

  #request(type: number, length: number): FrameSink {
    switch (type) {
      case WRITE:
        return { head: WRITE_HEAD, whole: (head) => this.#write(head) };
      case OPEN:
      case FSTAT:
      case LSTAT:
      case STAT:
      case CLOSE:
      case READ:
      case REMOVE:
      case RENAME:
      case MKDIR:
      case RMDIR:
      case SYMLINK:
      case SETSTAT:
      case EXTENDED:
        return length > LONGEST_REQUEST
          ? SKIP
          : {
              head: length,
              whole: (head) => {
                this.#asks(type, new Reader(head));
                return undefined;
              },
            };
      default:
        return SKIP;
    }
  }

  #asks(type: number, fields: Reader): void {
    const id = fields.u32();
    if (type === CLOSE) {
      const handle = fields.text();
      const file = this.#open.get(handle);
      this.#open.delete(handle);
      if (file !== undefined) this.#closed(file, true);
      return;
    }
    const what = asked(type, fields);
    if (!fields.truncated && what !== undefined) remember(this.#asked, id, what, this.#mostAsked);
  }

  /** Head of a WRITE: id, handle, offset, length of the data that follows. */
  #write(head: Buffer): Rest | undefined {
    const fields = new Reader(head);
    fields.u32();
    const file = this.#open.get(fields.text());
    const offset = Number(fields.u64());
    const length = fields.u32();
    const inHead = fields.rest();
    if (fields.truncated) throw new RangeError("a WRITE without its fields");
    if (file === undefined) return undefined;
    file.wrote = true;
    return file.takes(inHead, offset, length);
  }

  #answer(type: number, length: number): FrameSink {
    switch (type) {
      case HANDLE:
      case STATUS:
      case ATTRS:
        return length > LONGEST_REQUEST
          ? SKIP
          : {
              head: length,
              whole: (head) => {
                this.#answers(type, new Reader(head));
                return undefined;
              },
            };
      case DATA:
        return { head: DATA_HEAD, whole: (head) => this.#data(head) };
      default:
        return SKIP;
    }
  }

  #answers(type: number, fields: Reader): void {
    const id = fields.u32();
    const request = this.#asked.get(id);
    this.#asked.delete(id);
    if (request === undefined) return;
    if (type === HANDLE) {
      if (request.kind === "open" && this.#open.size < MOST_OPEN)
        this.#open.set(fields.text(), this.#opened(request));
      return;
    }
    if (type === ATTRS) {
      if (request.kind === "stat") this.#told(request, sizeOfFile(fields));
      return;
    }
    const status = fields.u32();
    if (request.kind === "read") {
      const file = this.#open.get(request.handle);
      if (file !== undefined && status === STATUS_EOF && request.offset >= file.size) file.readToEnd = true;
    } else if (request.kind === "operation") {
      this.#out.push({ ...request.operation, done: status === STATUS_OK });
    }
  }

  #opened({ path, flags }: Asked & { kind: "open" }): OpenFile {
    const file = new OpenFile(path, flags, this.#openContents);
    file.told = this.#sizes.get(path);
    this.#sizes.delete(path);
    return file;
  }

  #told(of: Asked & { kind: "stat" }, size: number | undefined): void {
    if (size === undefined) return;
    if ("path" in of) remember(this.#sizes, of.path, size, MOST_OPEN);
    for (const [handle, file] of this.#open)
      if ("path" in of ? file.path === of.path : handle === of.handle) file.told = size;
  }

  #data(head: Buffer): Rest | undefined {
    const fields = new Reader(head);
    const id = fields.u32();
    const request = this.#asked.get(id);
    this.#asked.delete(id);
    const length = fields.u32();
    if (request?.kind !== "read") return undefined;
    const file = this.#open.get(request.handle);
    if (file === undefined) return undefined;
    file.wasRead = true;
    return file.takes(fields.rest(), request.offset, length);
  }

  #closed(file: OpenFile, inOrder: boolean): void {
    const upload = file.wrote || (file.forWriting && !file.wasRead);
    if (!upload && !file.wasRead && !file.readToEnd) return; // opened, looked at, closed
    const complete = inOrder && !file.appending && (upload || file.readToEnd || file.size === file.told);
    file.contents?.end({ direction: upload ? "upload" : "download", complete });
    const whole = complete && file.sequential;
    this.#out.push({
      kind: "transfer",
      protocol: "sftp",
      direction: upload ? "upload" : "download",
      path: file.path,
      size: file.size,
      whole,
      ...(whole ? { sha256: file.hash.digest("hex") } : {}),
    });
  }
}

class OpenFile {
  readonly path: string;
  readonly hash: Hash = createHash("sha256");
  wrote = false;
  wasRead = false;
  readToEnd = false;
  /** How large it is, as the server said last. */
  told: number | undefined;
  /** False once bytes came out of order; the hash says nothing then. */
  sequential = true;
  expected = 0;
  size = 0;

  readonly forWriting: boolean;
  readonly appending: boolean;
  readonly #openContents: OpenContents | undefined;
  #contents: Contents | undefined;

  constructor(path: string, flags: number, openContents: OpenContents | undefined) {
    this.path = path;
    this.#openContents = openContents;
    this.forWriting = (flags & FLAG_WRITE) !== 0;
    this.appending = (flags & FLAG_APPEND) !== 0;
  }

  /** Opened by the first byte, or by the end of a file that has none. */
  get contents(): Contents | undefined {
    return (this.#contents ??= this.#openContents?.({ protocol: "sftp", path: this.path }));
  }

  takes(inHead: Buffer, offset: number, length: number): Rest {
    const { contents } = this;
    if (offset !== this.expected) this.sequential = false;
    this.expected = offset + length;
    this.size = Math.max(this.size, this.expected);
    const first = inHead.subarray(0, length);
    if (this.sequential) this.hash.update(first);
    contents?.write(offset, first);
    let left = length - first.length;
    return (bytes) => {
      const part = bytes.subarray(0, left);
      if (this.sequential) this.hash.update(part);
      contents?.write(offset + length - left, part);
      left -= part.length;
    };
  }
}

type Rest = (bytes: Buffer) => void;

/** The oldest go. */
function remember<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  const oldest = map.keys().next();
  if (map.size >= most && oldest.done !== true) map.delete(oldest.value);
  map.set(key, value);
}

const FLAG_WRITE = 2;
const FLAG_APPEND = 4;
const STATUS_OK = 0;
const STATUS_EOF = 1;

/** id, handle (at most 256 bytes), offset, length. */
const WRITE_HEAD = 4 + 4 + 256 + 8 + 4;
const DATA_HEAD = 4 + 4;
/** Two paths of PATH_MAX; longer ones no server takes. */
const LONGEST_REQUEST = 9_000;
const MOST_ASKED = 256;
const MOST_OPEN = 256;
const SKIP: FrameSink = { head: 0, whole: () => undefined };

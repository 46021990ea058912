import { createHash, type Hash } from "node:crypto";
import type { Contents, OpenContents } from "./contents.ts";
import type { Transferred } from "./observation.ts";

/**
 * Files moved by the old SCP protocol (`scp -t`, `scp -f`), from the side that sends them: lines `C mode size name`, `D`, `E`, `T`,
 * each file's bytes after its line, then a zero byte. Contents are hashed, not kept; whoever wants them is given them as they pass.
 */
export class ScpFiles {
  readonly #direction: Transferred["direction"];
  readonly #target: string;
  readonly #targetIsFolder: FolderSaid;
  readonly #openContents: OpenContents | undefined;
  #line = "";
  #folders: string[] = [];
  #file: { path: string; size: number; left: number; hash: Hash; contents: Contents | undefined } | undefined;
  /** The byte after a file's content says whether its sender read it well. */
  #awaitingVerdict = false;

  private constructor(
    direction: Transferred["direction"],
    target: string,
    targetIsFolder: FolderSaid,
    openContents: OpenContents | undefined,
  ) {
    this.#openContents = openContents;
    this.#direction = direction;
    this.#target = target;
    this.#targetIsFolder = targetIsFolder;
  }

  /** The command of an exec request, if it is an scp of that protocol. */
  static of(command: string, contents?: OpenContents): ScpFiles | undefined {
    const match = /^\s*(?:\/\S*\/)?scp((?:\s+-\S+)+)\s+(?:--\s+)?(.*?)\s*$/s.exec(command);
    if (match === null) return undefined;
    const flags = match[1] ?? "";
    const target = unquoted(match[2] ?? "");
    if (/\s-\S*t/.test(flags)) return new ScpFiles("upload", target, folderSaid(flags, target), contents);
    if (/\s-\S*f/.test(flags)) return new ScpFiles("download", target, false, contents);
    return undefined;
  }

  /** Which side's bytes are to be given to `push`. */
  get sender(): "downstream" | "upstream" {
    return this.#direction === "upload" ? "downstream" : "upstream";
  }

  /** Throws RangeError when the bytes are not SCP. */
  push(bytes: Buffer): Transferred[] {
    const out: Transferred[] = [];
    let offset = 0;
    while (offset < bytes.length) {
      const file = this.#file;
      if (file !== undefined && file.left > 0) {
        const part = bytes.subarray(offset, offset + file.left);
        file.hash.update(part);
        file.contents?.write(file.size - file.left, part);
        file.left -= part.length;
        offset += part.length;
      } else if (file !== undefined && this.#awaitingVerdict) {
        out.push(this.#finished(bytes[offset] === 0));
        offset++;
      } else {
        const end = bytes.indexOf(0x0a, offset);
        this.#line += bytes.toString("latin1", offset, end === -1 ? bytes.length : end);
        if (this.#line.length > LONGEST_LINE) throw new RangeError("no such line in SCP");
        offset = end === -1 ? bytes.length : end + 1;
        if (end !== -1) this.#control();
      }
    }
    return out;
  }

  end(): Transferred[] {
    return this.#file === undefined ? [] : [this.#finished(false)];
  }

  #control(): void {
    const line = this.#line;
    this.#line = "";
    if (line.startsWith("C")) {
      const [, size, name] = /^C[0-7]+ (\d{1,15}) (.*)$/s.exec(line) ?? [];
      if (size === undefined || name === undefined) throw new RangeError("no such line in SCP");
      const path = this.#pathOf(name);
      this.#file = {
        path,
        size: Number(size),
        left: Number(size),
        hash: createHash("sha256"),
        contents: this.#openContents?.({ protocol: "scp", path }),
      };
      this.#awaitingVerdict = true;
    } else if (line.startsWith("D")) {
      const name = /^D[0-7]+ \d+ (.*)$/s.exec(line)?.[1];
      if (name === undefined || this.#folders.length >= DEEPEST) throw new RangeError("no such line in SCP");
      this.#folders.push(name);
    } else if (line.startsWith("E")) {
      this.#folders.pop();
    } else if (!"T\0\x01\x02".includes(line.charAt(0))) {
      throw new RangeError("no such line in SCP");
    }
  }

  /** Where the file went. Without -r or -d a target may be a folder or the file itself; it is given as the attacker named it. */
  #pathOf(name: string): string {
    if (this.#direction === "download") {
      const parts = [...this.#folders, name];
      // The sender names the last part of what was asked for again.
      const asked = this.#target.endsWith(parts[0] ?? "") ? parts.slice(1) : parts;
      return joined([this.#target, ...asked]);
    }
    const isFolder =
      this.#targetIsFolder === "perhaps"
        ? this.#target.slice(this.#target.lastIndexOf("/") + 1) !== name
        : this.#targetIsFolder;
    return isFolder || this.#folders.length > 0
      ? joined([this.#target, ...this.#folders, name])
      : this.#target;
  }

  #finished(well: boolean): Transferred {
    const file = this.#file;
    if (file === undefined) throw new RangeError("no file is open");
    this.#file = undefined;
    this.#awaitingVerdict = false;
    const whole = well && file.left === 0;
    file.contents?.end({ direction: this.#direction, complete: whole });
    return {
      kind: "transfer",
      protocol: "scp",
      direction: this.#direction,
      path: file.path,
      size: file.size - file.left,
      whole,
      ...(whole ? { sha256: file.hash.digest("hex") } : {}),
    };
  }
}

/** With -r alone a single file may be given a name of its own, or put into a folder. */
type FolderSaid = boolean | "perhaps";

function folderSaid(flags: string, target: string): FolderSaid {
  if (target.endsWith("/") || /\s-\S*d/.test(flags)) return true;
  return /\s-\S*r/.test(flags) ? "perhaps" : false;
}

const LONGEST_LINE = 8192;
const DEEPEST = 64;

function joined(parts: readonly string[]): string {
  return parts.map((part, index) => (index < parts.length - 1 ? part.replace(/\/+$/, "") : part)).join("/");
}

function unquoted(text: string): string {
  const inner = /^'([^']*)'$|^"([^"\\]*)"$/.exec(text);
  return inner?.[1] ?? inner?.[2] ?? text;
}

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { EngineFacts } from "./engine-facts.ts";
import type { TarFile } from "./tar.ts";

/**
 * Files of a sandbox in which nobody has been, through its mount on the host: a write takes under a millisecond where the
 * engine's archive interface takes 65. Synchronous: a handful of calls of some 20 µs, each of which would wait longer for a
 * thread than it takes. Never to be used once an account can let somebody in, because then a folder may have
 * become a link in the very moment.
 */
export class PristineFiles {
  readonly #root: string;
  readonly #remap: EngineFacts["remap"];

  constructor(merged: string, remap: EngineFacts["remap"]) {
    this.#root = merged;
    this.#remap = remap;
  }

  read(path: string): { content: Buffer; owner: Owner } {
    const at = this.#place(path);
    const stat = lstatSync(at);
    if (!stat.isFile()) throw new Error(`${path} is not a regular file in the image`);
    return {
      content: readFileSync(at),
      owner: {
        mode: stat.mode & 0o7777,
        uid: stat.uid - this.#remap.uid,
        gid: stat.gid - this.#remap.gid,
        modifiedAt: stat.mtime,
      },
    };
  }

  /** Names of regular files in a folder; none when there is no such folder. */
  filesIn(path: string): string[] {
    const at = this.#place(path);
    if (!lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return [];
    const entries = readdirSync(at, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  /** Each file appears whole, as the system's own tools do it. A folder in which one only takes another's place stays as old as it was. */
  write(files: readonly TarFile[]): void {
    for (const { path, content, mode, uid, gid, modifiedAt } of files) {
      const at = this.#place(path);
      const target = content === undefined ? at : `${at}+`;
      const folder = dirname(at);
      const before = existsSync(at) ? lstatSync(folder) : undefined;
      if (content === undefined) mkdirSync(at, { mode: 0o700 });
      else writeFileSync(target, content, { flag: "wx", mode: 0o600 });
      chownSync(target, uid + this.#remap.uid, gid + this.#remap.gid);
      chmodSync(target, mode);
      utimesSync(target, modifiedAt, modifiedAt);
      if (target !== at) renameSync(target, at);
      if (before) utimesSync(folder, before.atime, before.mtime);
    }
  }

  /** Takes from files what was appended since they were put there. Whoever appends keeps them open, so they stay in place. */
  cut(files: readonly TarFile[]): void {
    for (const { path, content, modifiedAt } of files) {
      const at = this.#place(path);
      const stat = lstatSync(at, { throwIfNoEntry: false });
      if (content === undefined || stat?.isFile() !== true || stat.size <= content.length) continue;
      truncateSync(at, content.length);
      utimesSync(at, modifiedAt, modifiedAt);
    }
  }

  /** Gives folders and files that were put there their dates back; a service may have taken some away. */
  redate(files: readonly TarFile[]): void {
    for (const { path, modifiedAt } of files)
      unlessGone(() => {
        utimesSync(this.#place(path), modifiedAt, modifiedAt);
      });
  }

  /** Not an error when it is gone. */
  remove(path: string): void {
    unlessGone(() => {
      rmSync(this.#place(path));
    });
  }

  /** Names of folders in a folder; none when there is no such folder. */
  foldersIn(path: string): string[] {
    const at = this.#place(path);
    if (!lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return [];
    return readdirSync(at, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name); // prettier-ignore
  }

  /** The folders on the way are folders: the image's own links would lead out, into the host. */
  #place(path: string): string {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    if (names.includes("..")) throw new Error(`${path} is not a plain path`);
    let at = this.#root;
    for (const name of names.slice(0, -1)) {
      at = join(at, name);
      if (!lstatSync(at).isDirectory()) throw new Error(`${path} leads through something that is no folder`);
    }
    return join(at, names.at(-1) ?? "");
  }
}

function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

export interface Owner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Date;
}

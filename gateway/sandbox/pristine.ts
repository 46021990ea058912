import { chmod, chown, lstat, mkdir, open, readdir, readFile, rename, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { EngineFacts } from "./engine-facts.ts";
import type { TarFile } from "./tar.ts";

/**
 * Files of a sandbox in which nobody has been, through its mount on the host: a write takes under a millisecond where the
 * engine's archive interface takes 65. Never to be used once an account can let somebody in, because then a folder may have
 * become a link in the very moment.
 */
export class PristineFiles {
  readonly #root: string;
  readonly #remap: EngineFacts["remap"];

  constructor(merged: string, remap: EngineFacts["remap"]) {
    this.#root = merged;
    this.#remap = remap;
  }

  async read(path: string): Promise<{ content: Buffer; owner: Owner }> {
    const at = await this.#place(path);
    const stat = await lstat(at);
    if (!stat.isFile()) throw new Error(`${path} is not a regular file in the image`);
    return {
      content: await readFile(at),
      owner: {
        mode: stat.mode & 0o7777,
        uid: stat.uid - this.#remap.uid,
        gid: stat.gid - this.#remap.gid,
        modifiedAt: stat.mtime,
      },
    };
  }

  /** Names of regular files in a folder; none when there is no such folder. */
  async filesIn(path: string): Promise<string[]> {
    const entries = await readdir(await this.#place(path), { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  /** Each file appears whole, as the system's own tools do it. */
  async write(files: readonly TarFile[]): Promise<void> {
    for (const { path, content, mode, uid, gid, modifiedAt } of files) {
      const at = await this.#place(path);
      const target = content === undefined ? at : `${at}+`;
      if (content === undefined) await mkdir(at, { mode: 0o700 });
      else await writeNew(target, content);
      await chown(target, uid + this.#remap.uid, gid + this.#remap.gid);
      await chmod(target, mode);
      await utimes(target, modifiedAt, modifiedAt);
      if (target !== at) await rename(target, at);
    }
  }

  /** The folders on the way are folders: the image's own links would lead out, into the host. */
  async #place(path: string): Promise<string> {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    if (names.includes("..")) throw new Error(`${path} is not a plain path`);
    let at = this.#root;
    for (const name of names.slice(0, -1)) {
      at = join(at, name);
      if (!(await lstat(at)).isDirectory())
        throw new Error(`${path} leads through something that is no folder`);
    }
    return join(at, names.at(-1) ?? "");
  }
}

export interface Owner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Date;
}

async function writeNew(path: string, content: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(content);
}

import { createHash } from "node:crypto";
import { lstatSync, type BigIntStats } from "node:fs";
import type { ByteString } from "../model/bytes.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { below, type Layers } from "./layers.ts";
import type { TarFile } from "./tar.ts";
import { walkUpper } from "./upper-walk.ts";

interface Written {
  readonly sha256: string | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * How a sandbox was when it was handed over: what we prepared in it is not its source's doing. Times of change (ctime) cannot be set
 * from inside, so an unchanged one means an unchanged file.
 */
export class Baseline {
  readonly #stats = new Map<ByteString, BigIntStats>();
  /** What the image has and the start of the sandbox took away. */
  readonly #gone = new Set<ByteString>();
  /** What was put in later, for another account. */
  readonly #written = new Map<string, Written>();

  /** Of a sandbox that nobody is in. About 2 ms. */
  static async take(layers: Layers): Promise<Baseline> {
    const baseline = new Baseline();
    for await (const { path, now } of walkUpper(layers))
      if (now) baseline.#stats.set(path, now);
      else baseline.#gone.add(path);
    return baseline;
  }

  /** What we just wrote into a sandbox that nobody is in, with the folders on the way. */
  absorb(layers: Layers, files: readonly TarFile[]): void {
    const paths = new Set<string>();
    for (const { path } of files)
      for (let at = `/${path}`; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) paths.add(at);
    for (const path of paths) {
      const stat = lstatSync(below(layers.upper, path as ByteString), {
        bigint: true,
        throwIfNoEntry: false,
      });
      if (stat) this.#stats.set(path as ByteString, stat);
    }
  }

  get paths(): Iterable<ByteString> {
    return this.#stats.keys();
  }

  has(path: ByteString): boolean {
    return this.#stats.has(path) || this.#written.has(path);
  }

  equals(other: Baseline): boolean {
    return (
      this.#stats.size === other.#stats.size &&
      [...this.#stats].every(([path, stat]) => other.isUntouched(path, stat))
    );
  }

  wasGone(path: ByteString): boolean {
    return this.#gone.has(path);
  }

  /** Files put in while somebody may be there. `foreign`: those that were not as we had left them, so the change counts. */
  add(files: readonly TarFile[], foreign: ReadonlySet<string>): void {
    for (const { path, content, mode, uid, gid } of files) {
      const absolute = `/${path}`;
      if (foreign.has(absolute)) continue;
      const sha256 = content && createHash("sha256").update(content).digest("hex");
      this.#written.set(absolute, { sha256, mode, uid, gid });
    }
  }

  /** As it was when the baseline was taken, going by what cannot be forged. */
  isUntouched(path: ByteString, now: BigIntStats): boolean {
    const then = this.#stats.get(path);
    if (then === undefined) return false;
    return then.isDirectory() && now.isDirectory()
      ? sameOwner(then, now) && then.mode === now.mode && then.mtimeNs === now.mtimeNs
      : then.ino === now.ino && then.ctimeNs === now.ctimeNs && then.size === now.size;
  }

  /** The very file, or a folder in that place, of the same owner and mode; what is in it may be another. */
  isInPlace(path: ByteString, now: BigIntStats): boolean {
    const then = this.#stats.get(path);
    if (then === undefined || !sameOwner(then, now) || then.mode !== now.mode) return false;
    return now.isDirectory() || (now.isFile() && then.ino === now.ino && then.nlink === now.nlink);
  }

  /** As we wrote it later. `sha256` is asked for only when all else is equal. */
  async isOurs(
    path: ByteString,
    now: BigIntStats,
    remap: EngineFacts["remap"],
    sha256: () => Promise<string | undefined>,
  ): Promise<boolean> {
    const written = this.#written.get(path);
    if (written === undefined) return false;
    const same =
      Number(now.mode) % 0o10000 === written.mode &&
      Number(now.uid) - remap.uid === written.uid &&
      Number(now.gid) - remap.gid === written.gid;
    if (!same) return false;
    return written.sha256 === undefined
      ? now.isDirectory()
      : now.isFile() && (await sha256()) === written.sha256;
  }

  /** Folders whose list of names we changed ourselves. */
  isFolderOfOurs(path: ByteString): boolean {
    const prefix = `${path === "/" ? "" : path}/`;
    for (const written of this.#written.keys()) if (written.startsWith(prefix)) return true;
    return false;
  }
}

export function sameOwner(one: BigIntStats, other: BigIntStats): boolean {
  return one.uid === other.uid && one.gid === other.gid;
}

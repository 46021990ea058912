import { createHash, randomBytes } from "node:crypto";
import { chown, open, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";

export interface Kept {
  /** Hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * The folder `data/artifacts`: each content once, under its SHA-256, mode 0640 with the folder's own group. Names come from us,
 * never from a sandbox.
 */
export class Artifacts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Copies a content piece by piece. Undefined, and nothing kept, when it goes on after `most` bytes.
   * @throws MitsubakoError `disk-full`; what the content's reading throws.
   */
  async keep(content: AsyncIterable<Uint8Array>, most: number): Promise<Kept | undefined> {
    const incoming = join(this.#folder, `.incoming-${randomBytes(8).toString("hex")}`);
    try {
      const hash = createHash("sha256");
      let size = 0;
      {
        await using file = await open(incoming, "wx", 0o640);
        for await (const part of content) {
          size += part.length;
          if (size > most) return undefined;
          hash.update(part);
          await file.writeFile(part);
        }
      }
      const sha256 = hash.digest("hex");
      await this.#name(incoming, join(this.#folder, sha256), size);
      return { sha256, size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      throw new MitsubakoError("disk-full", "There is no room for captured files.", {
        remedy: `Make room on the disk of ${this.#folder}.`,
        cause: error,
      });
    } finally {
      await unlink(incoming).catch((error: unknown) => {
        // Renamed, or never made.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      });
    }
  }

  async #name(incoming: string, name: string, size: number): Promise<void> {
    const present = await stat(name).catch(() => undefined);
    if (present?.isFile() && present.size === size) return;
    const { uid, gid } = await stat(this.#folder);
    await chown(incoming, uid, gid);
    await rename(incoming, name);
  }
}

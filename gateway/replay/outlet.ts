import { once } from "node:events";
import type { Writable } from "node:stream";

/** Standard output, written no faster than it is taken. */
export class Outlet {
  readonly #stream: Writable;
  readonly #signal: AbortSignal;

  /** @param signal ends every wait, so that a reader who went away cannot hold the playing. */
  constructor(stream: Writable, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || this.#stream.destroyed || this.#stream.write(bytes)) return;
    await once(this.#stream, "drain", { signal: this.#signal }).catch(() => undefined);
  }

  /** Without waiting: for what is small. */
  put(text: string, encoding: BufferEncoding = "utf8"): void {
    if (text !== "" && !this.#stream.destroyed) this.#stream.write(text, encoding);
  }

  /** More would only gather in memory. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Until it has taken everything, or nobody reads it any more. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#stream.destroyed) resolve();
      else
        this.#stream.write("", () => {
          resolve();
        });
    });
  }
}

import { decoderOf, type Decoder, type Encoding } from "./decoder.ts";
import type { Growing, GrowingFiles } from "./growing-files.ts";

/** One writing into a file, perhaps through a decoder. */
export class Writing {
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

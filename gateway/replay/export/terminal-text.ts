/**
 * Bytes of one direction as text, in pieces: a character that lies in two packets comes whole with the second. What is not UTF-8
 * becomes U+FFFD.
 */
export class TerminalText {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #bare: boolean;
  #afterReturn = false;

  /** @param bare no terminal stood between: each LF without a CR before it gets one, as a terminal's line discipline adds it. */
  constructor(bare: boolean) {
    this.#bare = bare;
  }

  push(bytes: Buffer): string {
    return this.#lines(this.#decoder.decode(bytes, { stream: true }));
  }

  end(): string {
    return this.#lines(this.#decoder.decode());
  }

  #lines(text: string): string {
    if (!this.#bare || text === "") return text;
    const before = this.#afterReturn ? "\r" : "";
    this.#afterReturn = text.endsWith("\r");
    return `${before}${text}`.replace(/(?<!\r)\n/g, "\r\n").slice(before.length);
  }
}

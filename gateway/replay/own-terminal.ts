import { spawnSync } from "node:child_process";
import type { Readable } from "node:stream";

/** What of a stdin this needs: `process.stdin` has it all when it is a terminal. */
export interface Keyboard extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

/**
 * The operator's terminal made ready, and given back as it was. Keys arrive as they are pressed, and with `verbatim` output is not
 * touched by the line discipline: what a remote terminal printed has been through one already, a second would turn its bare
 * line feeds into new lines.
 */
export class OwnTerminal implements Disposable {
  readonly #keyboard: Keyboard;
  readonly #screen: number | undefined;
  readonly #settings: string | undefined;
  readonly #listener: (bytes: Buffer) => void;

  /** @param screen file descriptor of the terminal written to, if it is one and is wanted verbatim. */
  constructor(keyboard: Keyboard, screen: number | undefined, onKeys: (bytes: Buffer) => void) {
    this.#keyboard = keyboard;
    this.#listener = onKeys;
    this.#screen = screen;
    this.#settings = screen === undefined ? undefined : stty(screen, "-g")?.trim();
    if (keyboard.isTTY === true) {
      keyboard.setRawMode?.(true);
      keyboard.on("data", this.#listener);
      keyboard.resume();
    }
    if (screen !== undefined && this.#settings !== undefined) stty(screen, "-opost");
  }

  [Symbol.dispose](): void {
    if (this.#keyboard.isTTY === true) {
      this.#keyboard.off("data", this.#listener);
      this.#keyboard.pause();
      this.#keyboard.setRawMode?.(false);
    }
    if (this.#screen !== undefined && this.#settings !== undefined) stty(this.#screen, this.#settings);
  }
}

/** stty(1) acts on its standard input. Undefined when it could not. */
function stty(terminal: number, argument: string): string | undefined {
  const { status, stdout } = spawnSync("stty", [argument], {
    stdio: [terminal, "pipe", "ignore"],
    encoding: "utf8",
  });
  return status === 0 ? stdout : undefined;
}

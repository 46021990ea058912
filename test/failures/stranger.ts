import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

/** A live session whose client keeps every byte that it was sent. */
export class Stranger {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #received: Buffer[] = [];
  #errors = "";

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    child.stdout.on("data", (chunk: Buffer) => this.#received.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
  }

  /** Resolves when the first bytes are there. */
  static async start([program = "", ...args]: readonly string[]): Promise<Stranger> {
    const stranger = new Stranger(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] }));
    await Promise.race([once(stranger.#child.stdout, "data"), stranger.ended()]);
    if (stranger.received.length === 0) throw new Error(`a stranger was not let in: ${stranger.#errors}`);
    return stranger;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get isIn(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the session is over, whoever ended it. */
  async ended(): Promise<void> {
    if (this.isIn) await once(this.#child, "close");
  }

  async leave(): Promise<void> {
    if (!this.isIn) return;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    await closed;
  }
}

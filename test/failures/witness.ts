import { spawn, type ChildProcessByStdio } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** What arrived at a place of the lab, and how often. */
export interface Seen {
  /** Packets, by what they are: `tcp 10.203.0.11 to 192.0.2.1:80`. Empty where frames are not looked at. */
  readonly frames: readonly (readonly [what: string, times: number])[];
  /** Who was answered: connections and datagrams. */
  readonly callers: readonly (readonly [what: string, times: number])[];
  /** Frames that came faster than they could be looked at. */
  readonly lost: number;
}

/** Stands at a place of the lab, answers whoever comes with its name, and tells who came. */
export class Witness {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** `there`: the command that brings a program to the place. `link`: where every frame is counted. */
  static async start(there: readonly string[], name: string, link?: string): Promise<Witness> {
    const script = join(import.meta.dirname, "lab", "witness.py");
    const [program = "", ...args] = [
      ...there,
      "python3",
      script,
      name,
      ...(link === undefined ? [] : [link]),
    ];
    const witness = new Witness(spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] }));
    await witness.#line();
    return witness;
  }

  /** What came since it was last asked. */
  async seen(): Promise<Seen> {
    this.#child.stdin.write("seen?\n");
    return JSON.parse(await this.#line()) as Seen;
  }

  async #line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error("a witness ended without an answer");
    return next.value;
  }
}

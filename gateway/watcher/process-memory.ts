import type { ByteString } from "../model/bytes.ts";
import { scriptOf } from "./script-of.ts";

/** Ended processes of one sandbox that are still known. */
const MOST_ENDED = 8192;
/** Bytes of a script's name that are remembered, and scripts of one process. */
const LONGEST_SCRIPT = 512;
const MOST_SCRIPTS = 4;

interface Remembered<Owner> {
  readonly born: bigint;
  readonly owner: Owner;
  /** As they were named to the interpreters that the process ran, the last ones. */
  readonly scripts: readonly ByteString[];
}

/** Which process, as the machine numbers it, was whose: also for some time after its end, as what is told of it comes late. */
export class ProcessMemory<Owner> {
  readonly #living = new Map<number, Remembered<Owner>>();
  /** Those that ended last at the end. */
  readonly #ended = new Map<number, Remembered<Owner>>();

  /** @param born nanoseconds of CLOCK_MONOTONIC. */
  began(process: number, born: bigint, owner: Owner): void {
    this.#living.set(process, { born, owner, scripts: [] });
  }

  /** It runs another program. */
  ran(process: number, path: ByteString, argv: readonly ByteString[]): void {
    const known = this.#living.get(process);
    if (known === undefined) return;
    const script = scriptOf(path, argv);
    if (script === undefined || script.length > LONGEST_SCRIPT) return;
    const scripts = [...known.scripts, script].slice(-MOST_SCRIPTS);
    this.#living.set(process, { ...known, scripts });
  }

  ended(process: number): void {
    const known = this.#living.get(process);
    if (known === undefined) return;
    this.#living.delete(process);
    this.#ended.delete(process);
    this.#ended.set(process, known);
    if (this.#ended.size > MOST_ENDED)
      for (const oldest of this.#ended.keys()) return void this.#ended.delete(oldest);
  }

  /** The one of that number that began before then. */
  find(process: number, before: bigint): Remembered<Owner> | undefined {
    return [this.#living.get(process), this.#ended.get(process)].find(
      (one) => one !== undefined && one.born <= before,
    );
  }
}

import type { Reach } from "./shell-flow.ts";

/** What became of a command that was to write a file. */
export type Fate = "ran" | "failed" | "unknown";

/** Whether a file was written: all commands for it were seen to be done; some were, or it is not known; none was. */
export type Certainty = "written" | "typed" | "failed";

/** The fates of all commands that write one file. */
export class Fates {
  #open = 0;
  #ran = 0;
  #failed = 0;
  #unknown = 0;

  begins(): void {
    this.#open++;
  }

  settled(fate: Fate): void {
    this.#open--;
    if (fate === "ran") this.#ran++;
    else if (fate === "failed") this.#failed++;
    else this.#unknown++;
  }

  get areOpen(): boolean {
    return this.#open > 0;
  }

  get hasFailed(): boolean {
    return this.#failed > 0;
  }

  get certainty(): Certainty {
    if (this.#unknown > 0 || (this.#failed > 0 && this.#ran > 0)) return "typed";
    return this.#failed > 0 ? "failed" : "written";
  }
}

/** What is known of a command beforehand. */
export interface Doubt {
  readonly reach: Reach;
  /** It is one program with a redirection, and that program fails only where the redirection does. */
  readonly plain: boolean;
  /** Its errors go elsewhere. */
  readonly silenced: boolean;
  /** Its path is also run as a program, whose complaints look the same. */
  readonly isRun: boolean;
}

/**
 * What became of it. Pure.
 *
 * @param said what the complaints since then say of it.
 * @param status of the text that it stands in, where that is known.
 */
export function fateOf(
  { reach, plain, silenced, isRun }: Doubt,
  said: "nothing" | "perhaps" | "failed",
  status: number | undefined,
): Fate {
  if (reach.reached === "never") return "failed";
  if (said === "failed" && !isRun) return "failed";
  if (reach.reached === "perhaps") return "unknown";
  if (reach.proven && status === 0) return "ran";
  // Whichever failed of them, this one did not write.
  if (reach.proven && reach.last && plain && status !== undefined) return "failed";
  return reach.reached === "always" && !silenced && said === "nothing" ? "ran" : "unknown";
}

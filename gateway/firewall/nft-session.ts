import { spawn, type ChildProcess } from "node:child_process";
import { TOOL_ENVIRONMENT } from "./command.ts";
import { applyRules } from "./nft.ts";

/**
 * Adds map elements quickly. An `nft -i` that is held open takes 0.9 ms where a spawned `nft` takes 5.8 ms (median of
 * 200, idle, also with 20,000 elements there; 99th percentile 4 and 15 ms). What is asked for while a command is on
 * its way goes with the next one. If the held program does not answer as it should, each batch gets a program of its
 * own: slower, never wrong.
 */
export class NftSession implements AsyncDisposable {
  readonly #element: (batch: readonly string[]) => string;
  #waiting: Wish[] = [];
  #working: Promise<void> | undefined;
  #held: HeldNft | undefined;
  #heldFailures = 0;

  /** `prefix` is such as `inet mitsubako0 source_of`: the map that elements are added to. */
  constructor(prefix: string) {
    this.#element = (batch) => `add element ${prefix} { ${batch.join(", ")} }`;
  }

  /**
   * Resolves when the kernel has the element.
   *
   * @throws MitsubakoError `firewall-failed` when it does not take it, or has one of that key.
   */
  add(element: string): Promise<void> {
    const added = new Promise<void>((resolve, reject) => this.#waiting.push({ element, resolve, reject }));
    this.#working ??= this.#work();
    return added;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#working;
    await this.#held?.end();
    this.#held = undefined;
  }

  async #work(): Promise<void> {
    // Let all that is asked for in this turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        await this.#run(this.#element(batch.map(({ element }) => element)));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        await this.#oneByOne(batch, error);
      }
    }
    // In the same turn as the look above, or a wish that comes in between would wait for ever.
    this.#working = undefined;
  }

  /** A batch is one transaction, so one bad element fails all of it. */
  async #oneByOne(batch: readonly Wish[], error: unknown): Promise<void> {
    for (const { element, resolve, reject } of batch) {
      if (batch.length === 1) reject(error);
      else await applyRules(`${this.#element([element])}\n`).then(resolve, reject);
    }
  }

  async #run(line: string): Promise<void> {
    if (this.#heldFailures < MOST_HELD_FAILURES) {
      this.#held ??= new HeldNft();
      const outcome = await this.#held.run(line);
      if (outcome === "done") return;
      if (outcome === "no-answer") {
        this.#heldFailures++;
        await this.#held.end();
        this.#held = undefined;
      }
    }
    // Also to hear, in nft's own words, what it did not like.
    await applyRules(`${line}\n`);
  }
}

interface Wish {
  readonly element: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MOST_AT_ONCE = 64;
const MOST_HELD_FAILURES = 3;
/** Milliseconds. A command takes a few; on a machine that is starved, tens. */
const ANSWER_TIMEOUT = 2000;

type Outcome = "done" | "refused" | "no-answer";

/**
 * Says nothing when a command succeeds, so each is followed by a word it does not know: the complaint about that word
 * says that the command before it is over. Both streams are one pipe, so their order is that of the commands.
 */
class HeldNft {
  readonly #child: ChildProcess;
  #count = 0;
  #answer = "";
  #heard: () => void = () => undefined;
  #alive = true;

  constructor() {
    this.#child = spawn("sh", ["-c", "exec nft -i 2>&1"], {
      env: TOOL_ENVIRONMENT,
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#answer += chunk.toString("latin1");
      this.#heard();
    });
    for (const event of ["error", "exit"] as const)
      this.#child.once(event, () => {
        this.#alive = false;
        this.#heard();
      });
    this.#child.stdin?.on("error", () => undefined);
    // A gateway that has nothing else to do may end; the program sees the end of its input and follows.
    this.#child.unref();
  }

  /** One at a time. */
  async run(line: string): Promise<Outcome> {
    const word = `mitsubako-done-${++this.#count}`;
    // The complaint repeats the line and underlines the word; what a line editor may echo has no underline.
    const complaint = new RegExp(`Error:[^\\n]*\\n${word}\\n[ \\t]*\\^`);
    this.#answer = "";
    this.#child.stdin?.write(`${line}\n${word}\n`);
    const over = await this.#until(() => !this.#alive || complaint.test(this.#answer));
    if (!over || !this.#alive) return "no-answer";
    return this.#answer.replace(complaint, "").includes("Error:") ? "refused" : "done";
  }

  end(): Promise<void> {
    if (!this.#alive) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#child.kill("SIGKILL"), 500);
      this.#child.once("exit", () => {
        clearTimeout(late);
        resolve();
      });
      this.#child.ref();
      this.#child.stdin?.end();
    });
  }

  #until(condition: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (met: boolean) => {
        clearTimeout(timer);
        this.#heard = () => undefined;
        resolve(met);
      };
      const timer = setTimeout(() => {
        finish(false);
      }, ANSWER_TIMEOUT);
      this.#heard = () => {
        if (condition()) finish(true);
      };
      this.#heard();
    });
  }
}

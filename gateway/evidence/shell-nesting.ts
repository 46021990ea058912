/** Words after which a command begins. */
export const BEFORE_COMMAND: ReadonlySet<string> = new Set(
  "! { do then else elif if while until time".split(" "),
);

/** How deep in loops, conditions, braces and parentheses a shell's reader is, by its reserved words. */
export class ShellNesting {
  /** What closes each. */
  readonly #open: string[] = [];
  /** A reserved word may stand here. */
  #atCommand = true;

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /** @param word as written. @param before words of the same command before it. */
  word(word: string, before: number): void {
    if (before === 0) this.#atCommand = true;
    if (!this.#atCommand) return;
    // After `function NAME` a brace opens what it does.
    this.#atCommand = BEFORE_COMMAND.has(word) || word === "function";
    const closing = CLOSING[word];
    if (closing !== undefined && this.#open.length < DEEPEST) this.#open.push(closing);
    else if (word === this.#open.at(-1)) this.#open.pop();
  }

  parenthesis(): void {
    if (this.#open.length < DEEPEST) this.#open.push(")");
  }

  /** A `)`: true where it only ends a pattern of `case`. */
  closes(): boolean {
    if (this.#open.at(-1) !== ")") return this.#open.at(-1) === "esac";
    this.#open.pop();
    return false;
  }

  commandEnds(): void {
    this.#atCommand = true;
  }
}

const CLOSING: Readonly<Record<string, string>> = {
  if: "fi",
  for: "done",
  while: "done",
  until: "done",
  select: "done",
  case: "esac",
  "{": "}",
};
const DEEPEST = 10_000;

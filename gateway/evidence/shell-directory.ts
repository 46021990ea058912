import type { ByteString } from "../model/bytes.ts";
import { simpleCommands } from "./simple-commands.ts";
import { directoryIn } from "./shell-prompt.ts";

/**
 * The working directory of a shell: the home (`~`) at first, then as its prompts say; where they do not say it, as the commands that
 * change it do. Undefined where that cannot be known.
 */
export class ShellDirectory {
  #current: string | undefined = "~";
  #before: string | undefined;
  #stack: (string | undefined)[] = [];
  /** Directories of the shells that started this one. */
  #outer: (string | undefined)[] = [];

  get current(): string | undefined {
    return this.#current;
  }

  /** @param prompt without the blanks at its end. */
  prompt(prompt: string): void {
    const said = directoryIn(prompt);
    if (said === undefined || said === this.#current) return;
    this.#before = this.#current;
    this.#current = said;
  }

  /** A command has ended. @param said what it printed, as far as known; undefined: nothing is known of it. */
  ran(text: string, said: readonly string[] | undefined): void {
    if (!MOVES.test(text)) return;
    const commands = simpleCommands(text.slice(0, LONGEST) as ByteString).filter(({ depth }) => depth === 0);
    const moves = commands.filter(({ words }) => MOVING.has(nameOf(words)));
    if (moves.length === 0) return;
    // A failing one says so; in a list of alternatives nobody can say which of them it was.
    const isPlain = !/[|&({]/.test(text.replaceAll("&&", ""));
    if (said === undefined || !isPlain || said.some((line) => /\b(?:cd|pushd|popd)\b.*: /.test(line))) {
      if (said === undefined || !isPlain || commands.length > 1) this.#goTo(undefined);
      return;
    }
    for (const { words, exact } of moves) this.#move(words, exact);
  }

  #move(words: readonly string[], exact: boolean): void {
    const name = nameOf(words);
    const [operand = ""] = words.slice(1).filter((word) => !/^-[LPe@]+$/.test(word) && word !== "--");
    if (name === "exit" || name === "logout") {
      if (this.#outer.length > 0) this.#goTo(this.#outer.pop());
    } else if (name === "popd") this.#goTo(operand === "" ? this.#stack.pop() : undefined);
    else if (name === "cd" || name === "chdir" || name === "pushd") {
      if (name === "pushd" && this.#stack.length < MOST_KEPT) this.#stack.push(this.#current);
      this.#goTo(name === "pushd" && operand === "" ? undefined : this.#resolved(operand, exact));
    } else {
      if (this.#outer.length < MOST_KEPT) this.#outer.push(this.#current);
      // A login shell, another machine or a chroot begins elsewhere.
      if (!/^(?:ba|da|a|k|z)?sh$/.test(name) || words.length > 1) this.#goTo(undefined);
    }
  }

  #resolved(operand: string, exact: boolean): string | undefined {
    if (operand === "") return "~";
    if (operand === "-") return this.#before;
    if (!exact || /[*?[]/.test(operand) || /^~[^/]/.test(operand)) return undefined;
    if (operand.startsWith("/") || operand.startsWith("~")) return normal(operand);
    return this.#current === undefined ? undefined : normal(`${this.#current}/${operand}`);
  }

  #goTo(directory: string | undefined): void {
    this.#before = this.#current;
    this.#current = directory;
  }
}

function nameOf(words: readonly string[]): string {
  const name = words[0] ?? "";
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Without `.` and `..`; undefined where that leads above the home, whose parents are not known. */
function normal(path: string): string | undefined {
  const [root = "", ...names] = path.split("/");
  const kept: string[] = [];
  for (const name of names) {
    if (name === "" || name === ".") continue;
    if (name !== "..") kept.push(name);
    else if (kept.pop() === undefined && root === "~") return undefined;
  }
  const joined = `${root}/${kept.join("/")}`;
  if (joined.length > LONGEST) return undefined;
  return kept.length === 0 && root === "~" ? root : joined;
}

const MOVING: ReadonlySet<string> = new Set(
  "cd chdir pushd popd exit logout su sudo ssh chroot nsenter unshare sh bash dash ash ksh zsh".split(" "),
);
const MOVES = new RegExp(`\\b(?:${[...MOVING].join("|")})\\b`);
const MOST_KEPT = 64;
const LONGEST = 4096;

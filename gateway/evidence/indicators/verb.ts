import type { SimpleCommand } from "../simple-commands.ts";

/** What a simple command calls, without the path and without the programs that only call another. */
export interface Verb {
  readonly name: string;
  readonly operands: readonly string[];
}

export function verbOf(words: readonly string[]): Verb {
  let at = 0;
  for (let steps = 0; steps < MOST_PREFIXES; steps++) {
    const name = baseName(words[at] ?? "");
    if (!PREFIXES.has(name)) break;
    at++;
    while (/^-|^\w+=/.test(words[at] ?? "")) at += OPTIONS_WITH_VALUE.has(words[at] ?? "") ? 2 : 1;
    // `timeout 10 wget ...`
    if ((name === "timeout" || name === "flock") && at < words.length) at++;
  }
  return { name: baseName(words[at] ?? ""), operands: words.slice(at + 1) };
}

/** Operands that are no options and no values of options. @param valued short options (their letters) that take the next word. */
export function plainOperands(operands: readonly string[], valued: string): string[] {
  const plain: string[] = [];
  for (let at = 0; at < operands.length; at++) {
    const word = operands[at] ?? "";
    if (!word.startsWith("-") || word === "-") plain.push(word);
    else if (word.startsWith("--") ? LONG_VALUED.has(word) : valued.includes(word.at(-1) ?? " ")) at++;
  }
  return plain;
}

/** The word after a short option, or what is joined to it (`-pHASH`), or after `--name` or `--name=`. */
export function optionValue(operands: readonly string[], short: string, long: string): string | undefined {
  for (const [at, word] of operands.entries()) {
    if (word === `-${short}` || word === `--${long}`) return operands[at + 1];
    if (word.startsWith(`--${long}=`)) return word.slice(long.length + 3);
  }
  return undefined;
}

/**
 * Lines that a command is given by the one before it (`echo ... |`), by a here-string or a here-document. Of `echo -e` and `printf`
 * the line feeds are put in.
 */
export function givenLines(command: SimpleCommand, before: SimpleCommand | undefined): string[] {
  const text =
    command.redirects.findLast(({ operator }) => operator === "<<<")?.target ??
    command.redirects.findLast(({ body }) => body !== undefined)?.body ??
    (command.piped && before !== undefined ? printed(before) : undefined);
  return text === undefined ? [] : text.split("\n").map((line) => line.trim());
}

/** What `echo` or `printf` prints, as far as its words tell it; of `cat` and others its here-document. */
export function printed(command: SimpleCommand): string | undefined {
  const { name, operands } = verbOf(command.words);
  if (name === "printf") {
    const [format = "", ...values] = operands[0] === "--" ? operands.slice(1) : operands;
    let next = 0;
    return unescaped(format.replace(/%[sb]/g, () => values[next++] ?? ""));
  }
  if (name === "echo") {
    const flags = /^-[neE]+$/.test(operands[0] ?? "") ? (operands[0] ?? "") : "";
    const text = operands.slice(flags === "" ? 0 : 1).join(" ");
    return flags.includes("e") || text.includes("\\n") ? unescaped(text) : text;
  }
  return command.redirects.findLast(({ body }) => body !== undefined)?.body;
}

function unescaped(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? "\\");
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const PREFIXES: ReadonlySet<string> = new Set(
  "sudo busybox nohup env command exec time setsid timeout nice ionice stdbuf doas flock".split(" "),
);
const OPTIONS_WITH_VALUE: ReadonlySet<string> = new Set("-u -g -n -c -s -k".split(" "));
const MOST_PREFIXES = 8;
/** Of useradd, adduser, wget and curl. */
const LONG_VALUED: ReadonlySet<string> = new Set(
  (
    "--uid --gid --home --home-dir --shell --password --comment --gecos --groups --ingroup --expiredate --inactive --skel --base-dir " +
    "--output --output-document --output-file --user-agent --header --data --referer --proxy --user --request --directory-prefix --tries"
  ).split(" "),
);

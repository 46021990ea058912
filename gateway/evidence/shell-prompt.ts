/** What a prompt, without the blanks at its end, tells. */

/** The shell wants more of the same command: `> `, or what zsh says (`for> `, `quote> `). */
export function asksForMore(prompt: string): boolean {
  return /^(?:[a-z]+(?: [a-z]+)*)?>$/.test(prompt);
}

/** A program with prompts of its own waits, not a shell: python, sqlite, mysql, ftp, gdb. */
export function isOfProgram(prompt: string): boolean {
  return /^(?:>>>|\.\.\.|\s*\.\.\.>|\s+['"`]?->|[A-Za-z][\w.-]*>|[A-Za-z]\w* \[[^\]]*\]>|\([a-z]+\)|In \[\d+\]:)$/.test(
    prompt,
  );
}

/** The working directory, where the prompt has it in full: `root@srv:~/x#` (Debian), `/tmp #` (busybox). */
export function directoryIn(prompt: string): string | undefined {
  const debian = /^(?:\([^()]*\) ?)?[\w.-]+@[\w.-]+:((?:~|\/)[^\n]*?) ?[#$]$/.exec(prompt)?.[1];
  return debian ?? /^((?:~|\/)[^\n]*?) [#$]$/.exec(prompt)?.[1];
}

/** Where the last prompt begins on a line: output, other prompts, or the echo of what was typed ahead may stand before it. */
export function promptStartIn(line: string, ...prompts: readonly string[]): number {
  const known = prompts.find((prompt) => prompt !== "" && line.endsWith(prompt)) ?? line;
  return line.length - known.length;
}

import type { ByteString } from "../model/bytes.ts";
import { simpleCommands, type SimpleCommand } from "./simple-commands.ts";

/**
 * The exit status that a shell's own message gives away: 127 where it did not find the program of the command's last simple command,
 * 126 where it may not run it.
 *
 * @param said the last line that was printed.
 */
export function statusSaid(text: string, said: string): 126 | 127 | undefined {
  const match =
    /^(?:-?[\w.-]+: )(?:line \d+: |\d+: )?(.+): (command not found|not found|No such file or directory|Permission denied|Is a directory|applet not found)$/.exec(
      said,
    ) ?? /^(?:zsh: )(?:command not found|no such file or directory|permission denied): (.+)$/.exec(said);
  if (match === null) return undefined;
  const last = simpleCommands(text.slice(0, LONGEST) as ByteString).findLast(({ depth }) => depth === 0);
  const [name] = last?.words ?? [];
  if (name !== match[1] || /&\s*$/.test(text)) return undefined;
  return /denied|directory$/i.test(said) && !/No such/i.test(said) ? 126 : 127;
}

/** `echo $?`: it prints the status of the command before. */
export function asksStatus(text: string): boolean {
  return /^\s*echo\s+(?:"\$\?"|\$\?)\s*$/.test(text);
}

/** What `exit N` ends its shell with. Undefined: it is none, or the status of the command before it. */
export function exitGiven(text: string): number | undefined {
  const last = lastCommand(text);
  const [name, operand] = last?.words ?? [];
  return name === "exit" && operand !== undefined && /^\d{1,9}$/.test(operand)
    ? Number(operand) & 0xff
    : undefined;
}

/** The command ends the shell: what that ended with is the command's own status. */
export function endsShell(text: string): boolean {
  return ["exit", "logout", "exec"].includes(lastCommand(text)?.words[0] ?? "");
}

function lastCommand(text: string): SimpleCommand | undefined {
  if (!/\b(?:exit|logout|exec)\b/.test(text)) return undefined;
  return simpleCommands(text.slice(0, LONGEST) as ByteString).findLast(({ depth }) => depth === 0);
}

const LONGEST = 4096;

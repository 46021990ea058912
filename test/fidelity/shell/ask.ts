import { run, type Ran } from "../../gateway/harness.ts";

/** What one side answered to one command, both streams in their order, and its exit code. */
export interface Answer {
  readonly text: string;
  readonly code: number;
}

/** ASCII's record and unit separators: no command that is asked prints them. */
const [BEGIN, END] = ["\x1e", "\x1f"];
/** Seconds for one command. */
const EACH_WITHIN = 120;
const ALL_WITHIN = 300_000;

/** Runs each command in a shell of its own, one after another, in one session. `client` is what leads to that session's standard input. */
export async function ask(
  client: readonly [string, ...string[]],
  password: string,
  commands: readonly string[],
): Promise<readonly Answer[]> {
  const script = commands
    .map(
      (command) =>
        `printf '\\036'; timeout ${EACH_WITHIN} bash -c ${quoted(command)} </dev/null 2>&1; printf '\\037%s\\n' $?`,
    )
    .join("\n");
  const [program, ...args] = client;
  const ran = await run(program, args, {
    input: `${script}\nexit\n`,
    within: ALL_WITHIN,
    env: { SSHPASS: password, LC_ALL: "C" },
  });
  return answersIn(ran, commands.length);
}

function answersIn({ stdout, stderr }: Ran, count: number): Answer[] {
  const parts = stdout.toString("latin1").split(BEGIN).slice(1);
  if (parts.length !== count)
    throw new Error(`${parts.length} of ${count} commands were answered; ssh said: ${stderr.toString()}`);
  return parts.map((part) => {
    const end = part.lastIndexOf(END);
    return { text: part.slice(0, end), code: Number.parseInt(part.slice(end + 1), 10) };
  });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

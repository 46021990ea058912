import { asText } from "../model/bytes.ts";
import type { Command, CommandEnded } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const COMMAND_EVENTS: EventRows = {
  "command.input": {
    when: "a command; see below",
    fields: {
      input: field("text"),
      mitsubako_way: field("string", "`exec` or `shell`"),
      mitsubako_exact: field("boolean"),
      mitsubako_command: field("integer", "its number in the channel, from 1"),
      mitsubako_directory: maybe("text", "where it was given, `~` for the home"),
      ...CHANNEL,
    },
  },
  "command.success": {
    when: "a command that was given to `busybox` and ended well, when that is known; of other commands Cowrie has none either",
    fields: {
      input: field("text"),
      mitsubako_exit_status: field("integer"),
      mitsubako_command: field("integer", "as in `command.input`"),
      duration_ms: field("integer", "from its first line to its end"),
      ...CHANNEL,
    },
  },
  "command.failed": {
    when: "a command of which the program was not found (127) or may not be run (126), when that is known; after its `command.input`",
    fields: {
      input: field("text"),
      mitsubako_exit_status: field("integer"),
      mitsubako_command: field("integer", "as in `command.input`"),
      duration_ms: field("integer", "from its first line to its end"),
      ...CHANNEL,
    },
  },
};

export function command({ text, way, exact, number, directory, channel }: Command): EventBody[] {
  return [
    {
      eventid: "cowrie.command.input",
      message: `Command: ${asText(text)}`,
      ...textField("input", text),
      mitsubako_way: way,
      mitsubako_exact: exact,
      mitsubako_command: number,
      ...(directory === undefined ? {} : textField("mitsubako_directory", directory)),
      mitsubako_channel: channel,
    },
  ];
}

/** Cowrie's words for a command that there is not, and for one that busybox knows. What ended in another way makes no event. */
export function commandEnded(ended: CommandEnded & { readonly at: bigint }): EventBody[] {
  const { text, number, exitStatus, channel, at, startedAt } = ended;
  const isSuccess = exitStatus === 0 && /^\s*(?:\S*\/)?busybox\s/.test(text);
  if (exitStatus !== 126 && exitStatus !== 127 && !isSuccess) return [];
  const how = isSuccess ? "found" : exitStatus === 127 ? "not found" : "not run";
  return [
    {
      eventid: isSuccess ? "cowrie.command.success" : "cowrie.command.failed",
      message: `Command ${how}: ${asText(text)}`,
      ...textField("input", text),
      mitsubako_exit_status: exitStatus,
      mitsubako_command: number,
      duration_ms: Number((at - startedAt) / 1_000_000n),
      mitsubako_channel: channel,
    },
  ];
}

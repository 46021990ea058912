import { asText } from "../model/bytes.ts";
import type { Command } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const COMMAND_EVENTS: EventRows = {
  "command.input": {
    when: "a command; see below",
    fields: {
      input: field("text"),
      mitsubako_way: field("string", "`exec` or `shell`"),
      mitsubako_exact: field("boolean"),
      ...CHANNEL,
    },
  },
};

export function command({ text, way, exact, channel }: Command): EventBody[] {
  return [
    {
      eventid: "cowrie.command.input",
      message: `Command: ${asText(text)}`,
      ...textField("input", text),
      mitsubako_way: way,
      mitsubako_exact: exact,
      mitsubako_channel: channel,
    },
  ];
}

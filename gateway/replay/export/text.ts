import { TerminalGuard } from "../guard.ts";
import { HeadlessTerminal } from "./headless-terminal.ts";
import type { Story } from "./story.ts";
import { drawable } from "./terminal-size.ts";
import { TerminalText } from "./terminal-text.ts";

/** What somebody who looked at the channel's terminal, and scrolled back to its beginning, would read. */
export async function* text(story: Story): AsyncGenerator<string> {
  const terminal = new HeadlessTerminal(drawable(story.survey.terminal?.size));
  const guard = new TerminalGuard({ utf8: true });
  const decoded = new TerminalText(story.survey.terminal === undefined);
  for await (const event of story.events) {
    switch (event.kind) {
      case "output":
      case "error-output":
        yield await terminal.write(decoded.push(guard.write(event.data)));
        break;
      case "resized":
        yield await terminal.resize(drawable(event.size));
        break;
      default:
    }
  }
  yield await terminal.write(decoded.end());
  yield await terminal.end();
}

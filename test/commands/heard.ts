import type { Output } from "../../gateway/commands/human.ts";

/** What a command printed, at a time that is always the same. */
export class Heard implements Output {
  out = "";
  err = "";
  readonly stdout = { write: (text: string) => (this.out += text) };
  readonly stderr = { write: (text: string) => (this.err += text) };
  readonly now = () => Date.parse("2026-11-23T03:15:37Z");
}

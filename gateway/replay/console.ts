import { HELP, KEYS, type Command } from "./controls.ts";
import { Prompt } from "./prompt.ts";
import type { View } from "./view.ts";

/** What of it is open: nothing, the help, a line for what to search, or a look through the recording that takes its time. */
type Open =
  | { readonly kind: "nothing" }
  | { readonly kind: "help" }
  | { readonly kind: "prompt"; readonly prompt: Prompt }
  | { readonly kind: "looking"; readonly cancel: AbortController };

/** Typed ahead. */
const MOST_WAITING = 32;

/** The operator's side of a playing: keys become commands, and what has to be told has a place. */
export class Console {
  readonly #view: () => View | undefined;
  readonly #command: (command: Command) => void;
  readonly #search: (text: string) => void;
  #open: Open = { kind: "nothing" };
  readonly #waiting: string[] = [];
  /** What is to be told until the next key. */
  message = "";

  constructor(
    view: () => View | undefined,
    command: (command: Command) => void,
    search: (text: string) => void,
  ) {
    this.#view = view;
    this.#command = command;
    this.#search = search;
  }

  /** Something of it must be seen, whatever else is shown. */
  get isOpen(): boolean {
    return this.#open.kind !== "nothing";
  }

  /** What stands at the place of the message. */
  get line(): string {
    return this.#open.kind === "prompt" ? `/${this.#open.prompt.text}_` : this.message;
  }

  key(key: string): void {
    switch (this.#open.kind) {
      case "help":
        this.close();
        return;
      case "looking":
        if (key === "escape" || key === "\x03") this.#open.cancel.abort();
        else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(key);
        return;
      case "prompt":
        this.#promptKey(this.#open.prompt, key);
        return;
      case "nothing": {
        const command = KEYS[key];
        if (command === undefined) return;
        this.message = "";
        this.#command(command);
        return;
      }
      default:
        this.#open satisfies never;
    }
  }

  openHelp(): void {
    this.#open = { kind: "help" };
    this.#view()?.help(HELP);
  }

  openPrompt(): void {
    this.#open = { kind: "prompt", prompt: new Prompt() };
  }

  close(): void {
    const wasHelp = this.#open.kind === "help";
    this.#open = { kind: "nothing" };
    if (wasHelp) this.#view()?.help(undefined);
  }

  /** Looks for something; Escape and Ctrl-C end it, other keys wait for it. Undefined: it was ended, or there is nothing. */
  async look<T>(
    text: string,
    stop: AbortSignal,
    find: (signal: AbortSignal) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const cancel = new AbortController();
    const onStop = () => {
      cancel.abort();
    };
    stop.addEventListener("abort", onStop);
    this.#open = { kind: "looking", cancel };
    this.message = `${text}: looking, Escape ends it`;
    try {
      const found = await find(cancel.signal);
      this.message = found === undefined ? `${text}: ${cancel.signal.aborted ? "left" : "none"}` : "";
      return cancel.signal.aborted ? undefined : found;
    } finally {
      stop.removeEventListener("abort", onStop);
      this.#open = { kind: "nothing" };
    }
  }

  /** The keys that came while something was looked for, now that what was found is there. */
  goOn(): void {
    while (this.#open.kind !== "looking") {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      this.key(key);
    }
  }

  #promptKey(prompt: Prompt, key: string): void {
    const came = prompt.key(key);
    if (came === "open") return;
    this.close();
    if (came === "entered" && prompt.text !== "") this.#search(prompt.text);
  }
}

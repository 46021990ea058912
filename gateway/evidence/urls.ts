import type { Observation } from "./observation.ts";

/**
 * File names that commands of a session would have left behind by fetching, with the URL that each came from: the last part of a
 * URL's path, or what `-O`, `-o` or `>` names in the same simple command. All are ByteStrings. The last command wins.
 * A guess from the words of a command, typed or run by a script: whether it succeeded is not known from it.
 */
export class FetchedFiles {
  readonly #urls = new Map<string, string>();

  observe(observation: Observation): void {
    if (observation.kind === "command") this.#read(observation.text);
    else if (observation.kind === "process" && observation.did === "run")
      this.#read(observation.argv.map((word) => word.replace(/[;|&\n\s]/g, "")).join(" "));
  }

  /** By the last part of its path. */
  urlOf(path: string): string | undefined {
    return this.#urls.get(path.slice(path.lastIndexOf("/") + 1));
  }

  /** Names with their URLs. */
  all(): Map<string, string> {
    return new Map(this.#urls);
  }

  #read(text: string): void {
    for (const part of text.slice(0, LONGEST).split(/[;|&\n]+/)) {
      const url = URL_IN_COMMAND.exec(part)?.[0];
      if (url === undefined) continue;
      const named = /\s(?:-O|-o|--output-document=?|--output=?|>)\s*(['"]?)([^\s'"]+)\1/.exec(part)?.[2];
      const path = url.replace(/^\w+:\/\//, "").replace(/[?#].*$/s, "");
      const last = path.includes("/") ? path.slice(path.lastIndexOf("/") + 1) : "";
      const name = named === undefined || named === "-" ? last || "index.html" : named;
      if (this.#urls.size < MOST) this.#urls.set(name.slice(name.lastIndexOf("/") + 1), url);
    }
  }
}

/** Of a whole session. */
export function fetchedFiles(observations: readonly Observation[]): Map<string, string> {
  const files = new FetchedFiles();
  for (const observation of observations) files.observe(observation);
  return files.all();
}

const URL_IN_COMMAND = /\b(?:https?|ftp|tftp):\/\/[^\s'"<>|;&()`\\]+/i;
const LONGEST = 65_536;
const MOST = 10_000;

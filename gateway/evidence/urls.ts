import type { Observation } from "./observation.ts";

/**
 * File names that commands of a session would have left behind by fetching, with the URL that each came from: the last part of a
 * URL's path, or what `-O`, `-o` or `>` names in the same simple command. All are ByteStrings. The last command wins.
 * A guess from the words of a command: whether it succeeded is not known from it.
 */
export function fetchedFiles(observations: readonly Observation[]): Map<string, string> {
  const files = new Map<string, string>();
  for (const observation of observations) {
    if (observation.kind !== "command") continue;
    for (const part of observation.text.slice(0, LONGEST).split(/[;|&\n]+/)) {
      const url = URL_IN_COMMAND.exec(part)?.[0];
      if (url === undefined) continue;
      const named = /\s(?:-O|-o|--output-document=?|--output=?|>)\s*(['"]?)([^\s'"]+)\1/.exec(part)?.[2];
      const path = url.replace(/^\w+:\/\//, "").replace(/[?#].*$/s, "");
      const last = path.includes("/") ? path.slice(path.lastIndexOf("/") + 1) : "";
      const name = named === undefined || named === "-" ? last || "index.html" : named;
      if (files.size < MOST) files.set(name.slice(name.lastIndexOf("/") + 1), url);
    }
  }
  return files;
}

const URL_IN_COMMAND = /\b(?:https?|ftp|tftp):\/\/[^\s'"<>|;&()`\\]+/i;
const LONGEST = 65_536;
const MOST = 10_000;

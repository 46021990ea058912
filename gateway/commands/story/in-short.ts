import { showable } from "../../model/bytes.ts";
import { count, cut } from "../human.ts";
import { PERSISTENCE } from "./persisted.ts";
import type { SessionWhole } from "./whole.ts";

/** All of it in one sentence, for who has many to read: what they did to stay first, in lines that are never cut. */
export function inShort({ evidence, unattended, indicators }: SessionWhole): string[] {
  const { loggedIn, user, commands, transfers, forwards } = evidence.summary;
  if (!loggedIn) return [];
  const files = [...evidence.observations, ...unattended.map(({ fact }) => fact)].filter(({ kind }) => kind === "file"); // prettier-ignore
  const kinds = Object.entries(PERSISTENCE).filter(([kind]) => indicators.some((one) => one.kind === kind));
  const did = [
    ...(commands > 0 ? [`gave ${count(commands, "command")}`] : []),
    ...(transfers > 0 ? [`moved ${count(transfers, "file")}`] : []),
    ...(forwards > 0 ? [`asked for ${count(forwards, "forward")}`] : []),
    ...(files.length > 0 ? ["ran or deleted files"] : []),
  ];
  const who = user === undefined ? "" : ` as ${cut(showable(user), 40)}`;
  const stays = kinds.length === 0 ? "" : `; to stay or hide: ${kinds.map(([, word]) => word).join(", ")}`;
  const deeds = did.length === 0 ? "did nothing" : did.join(", ");
  return wrapped(`In short: got in${who}${stays}; ${deeds}`);
}

/** Cut between words; the lines after the first are indented. */
function wrapped(sentence: string): string[] {
  const lines = [""];
  for (const word of sentence.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (Array.from(line).length + Array.from(word).length >= WIDTH) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

/** Characters of a line, so that the story fits on a screen. */
const WIDTH = 125;

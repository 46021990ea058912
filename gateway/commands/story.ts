import { did } from "./story/did.ts";
import { ended } from "./story/ended.ts";
import { gotIn } from "./story/got-in.ts";
import { triedOnNetwork, triedUnattended } from "./story/network.ts";
import { whatStayed } from "./story/stayed.ts";
import type { Chapter, SessionWhole, Telling } from "./story/whole.ts";
import { who } from "./story/who.ts";

/** In the order of the story; each is a file in story/. */
const CHAPTERS: readonly Chapter[] = [who, gotIn, did, triedOnNetwork, triedUnattended, whatStayed, ended];

/** A session as a person reads it: who, how they got in, what they did and tried, what stayed, how it ended. */
export function tellStory(session: SessionWhole, telling: Telling): string {
  return `${CHAPTERS.map((chapter) => chapter(session, telling))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

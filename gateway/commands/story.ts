import { briefly } from "./story/briefly.ts";
import { did } from "./story/did.ts";
import { ended } from "./story/ended.ts";
import { gotIn } from "./story/got-in.ts";
import { named, persisted } from "./story/persisted.ts";
import { triedOnNetwork, triedUnattended } from "./story/network.ts";
import { ran } from "./story/processes.ts";
import { whatStayed } from "./story/stayed.ts";
import type { Chapter, SessionWhole, Telling } from "./story/whole.ts";
import { who } from "./story/who.ts";
import { witnessed } from "./story/witnessed.ts";

/** In the order of the story; each is a file in story/. */
export const CHAPTERS = {
  who,
  gotIn,
  did,
  ran,
  triedOnNetwork,
  triedUnattended,
  witnessed,
  whatStayed,
  persisted,
  named,
  ended,
} as const satisfies Readonly<Record<string, Chapter>>;

/**
 * A session as a person reads it: who, how they got in, what they did and tried, what stayed, how it ended. What fits on a screen, or in
 * full; two lines where they did not get in.
 */
export function tellStory(session: SessionWhole, telling: Telling): string {
  const brief = briefly(session, telling);
  if (brief !== undefined) return brief;
  if (telling.full) return told(session, telling);
  let story = "";
  for (const share of SHARES) {
    story = told(session, { ...telling, share });
    if (story.split("\n").length <= SCREEN) break;
  }
  return story;
}

/** Lines, the last one empty. */
const SCREEN = 50;
/** What the chapters tell is cut until it fits. */
const SHARES = [1, 0.75, 0.5, 0.35, 0.25, 0.1] as const;

function told(session: SessionWhole, telling: Telling): string {
  return `${Object.values<Chapter>(CHAPTERS)
    .map((chapter) => chapter(session, telling))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

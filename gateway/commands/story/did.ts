import { deed } from "./deed.ts";
import { time } from "./time.ts";
import type { SessionWhole } from "./whole.ts";

const MOST_DEEDS = 500;

/** What they did, in its order. */
export function did({ evidence, recording }: SessionWhole): string[] {
  const deeds = evidence.observations.flatMap((one) => {
    const said = deed(one);
    return said === undefined ? [] : [`  ${time(one)}  ${said}`];
  });
  if (deeds.length === 0) return evidence.summary.loggedIn ? ["They did nothing"] : [];
  const more = deeds.length - MOST_DEEDS + evidence.leftOut;
  return [
    recording.live ? "What they did so far" : "What they did",
    ...deeds.slice(0, MOST_DEEDS),
    ...(more > 0 ? [`  … ${more} more (--json, or mitsubako play ${recording.session})`] : []),
  ];
}

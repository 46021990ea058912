import type { LateFactRead } from "../../evidence/late-facts.ts";
import type { NetworkFact } from "../../model/network-facts.ts";
import { absoluteTime } from "../human.ts";
import { networkLines } from "../network-story.ts";
import { someOf } from "./some.ts";
import type { SessionWhole, Telling } from "./whole.ts";

const MOST = { short: 6, full: 500 } as const;

/** What their sandbox tried on the network while they were in it. */
export function triedOnNetwork({ evidence }: SessionWhole, telling: Telling): string[] {
  const lines = networkLines(evidence.observations.filter((one) => one.kind === "network"));
  return lines.length === 0 ? [] : ["What was tried on the network", ...someOf(lines, telling, MOST)];
}

/** What a program that they left running tried. */
export function triedUnattended({ unattended }: SessionWhole, telling: Telling): string[] {
  const tries = unattended.filter((late): late is LateTry => late.fact.kind === "network");
  const lines = networkLines(tries.map(({ fact }) => fact));
  const last = tries.at(-1);
  return last === undefined
    ? []
    : [
        `What was tried on the network after they left, until ${absoluteTime(last.at)} UTC`,
        ...someOf(lines, telling, MOST),
      ];
}

type LateTry = LateFactRead & { readonly fact: NetworkFact };

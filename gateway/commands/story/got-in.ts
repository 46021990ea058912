import { ATTEMPT_ORDERS } from "../../evidence/client-attempts.ts";
import type { Observation } from "../../evidence/observation.ts";
import { escapeText, showable, type ByteString } from "../../model/bytes.ts";
import { count, cut, DROPPED_PASSWORD, span } from "../human.ts";
import { someOf } from "./some.ts";
import { time } from "./time.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** How they got in, or did not. */
export function gotIn({ evidence }: SessionWhole, telling: Telling): string[] {
  const attempts = evidence.observations.filter((one) => one.kind === "tried" && one.method !== "none");
  const { loggedIn, sandbox } = evidence.summary;
  // A key that is asked about first is tried once.
  const tried = attempts.filter((one) => one.kind === "tried" && one.outcome !== "key-acceptable").length;
  const heading = loggedIn
    ? `They got in at attempt ${tried}`
    : attempts.length === 0
      ? "They did not try to log in"
      : `They did not get in (${count(tried, "attempt")})`;
  // What let them in stands last.
  const lines = attempts.map((one) => `  ${time(one)}  ${attempt(one)}`).reverse();
  const earlier = (number: number) =>
    `… ${count(number, "earlier attempt")} (${telling.full ? "--json" : "--full"})`;
  return [
    heading,
    ...someOf(lines, telling, { short: 3, full: 200 }, earlier).reverse(),
    ...walked(evidence.client.attempts),
    ...(sandbox === undefined
      ? []
      : [`  into sandbox ${escapeText(sandbox.sandbox)}, ${STATE_WORDS[sandbox.state]}`]),
  ];
}

const STATE_WORDS = {
  new: "new for them",
  returning: "their own from before",
  shared: "with other sessions of theirs in it",
} as const;

/** How they went through what they tried. */
function walked({ count: tried, order, pauses }: SessionWhole["evidence"]["client"]["attempts"]): string[] {
  if (tried < 2) return [];
  const pace = pauses === undefined ? "" : `, the next ${span(pauses.median / 1000)} after each answer`;
  return [`  tried ${ATTEMPT_ORDERS[order]}${pace}`];
}

export function attempt(one: Observation): string {
  if (one.kind !== "tried") return "";
  const secret =
    one.key === undefined
      ? one.passwordDropped === true
        ? DROPPED_PASSWORD
        : showable(one.password ?? ("" as ByteString))
      : `key ${showable(one.key.algorithm)} ${escapeText(one.key.fingerprintSha256)}`;
  const answer =
    one.outcome === undefined ? "no answer" : one.outcome === "key-acceptable" ? "would do" : one.outcome;
  const by =
    one.by === undefined
      ? ""
      : ` by ${one.by}${one.rule === undefined || one.rule === one.by ? "" : ` (${escapeText(one.rule)})`}`;
  const profile = one.profile === undefined ? "" : `, profile ${escapeText(one.profile)}`;
  const method = one.method === "password" || one.key !== undefined ? "" : ` [${one.method}]`;
  return `${cut(showable(one.user), 60)} / ${cut(secret, 100)}${method}  ${answer}${by}${profile}`;
}

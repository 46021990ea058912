import type { Observation } from "../../evidence/observation.ts";
import { escapeText, showable, type ByteString } from "../../model/bytes.ts";
import { count, cut, DROPPED_PASSWORD } from "../human.ts";
import { time } from "./time.ts";
import type { SessionWhole } from "./whole.ts";

const MOST_ATTEMPTS = 20;

/** How they got in, or did not. */
export function gotIn({ evidence }: SessionWhole): string[] {
  const attempts = evidence.observations.filter((one) => one.kind === "tried" && one.method !== "none");
  const shown = attempts.length <= MOST_ATTEMPTS ? attempts : attempts.slice(-MOST_ATTEMPTS);
  const { loggedIn, sandbox } = evidence.summary;
  const heading = loggedIn
    ? `They got in at attempt ${attempts.length}`
    : attempts.length === 0
      ? "They did not try to log in"
      : `They did not get in (${count(attempts.length, "attempt")})`;
  return [
    heading,
    ...(shown.length < attempts.length
      ? [`  … ${count(attempts.length - shown.length, "earlier attempt")} (--json has them)`]
      : []),
    ...shown.map((one) => `  ${time(one)}  ${attempt(one)}`),
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

function attempt(one: Observation): string {
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
  const method = one.method === "password" || one.key !== undefined ? "" : ` [${one.method}]`;
  return `${cut(showable(one.user), 60)} / ${cut(secret, 100)}${method}  ${answer}${by}`;
}

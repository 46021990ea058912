import { microsAt } from "../../model/timestamps.ts";
import { escapeText, showable } from "../../model/bytes.ts";
import { ATTEMPT_ORDERS } from "../../evidence/client-attempts.ts";
import { absoluteTime, count, cut, relativeTime, span } from "../human.ts";
import { END_WORDS } from "./ended.ts";
import { clientLine } from "./who.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** Two lines of a session that did not get in. Undefined: there is more to tell of it. */
export function briefly(session: SessionWhole, { now, full }: Telling): string | undefined {
  const { evidence, recording, state } = session;
  const { opened, loggedIn, endReason, duration, user, password } = evidence.summary;
  if (full || loggedIn || opened === undefined || recording.live || state !== "ended") return undefined;
  const started = microsAt(opened.startedAt, 0n);
  const { attempts } = evidence.client;
  const last =
    user === undefined
      ? ""
      : `, the last ${cut(showable(user), 40)}${password === undefined ? "" : ` / ${cut(showable(password), 40)}`}`;
  const tried =
    attempts.count === 0
      ? "did not try to log in"
      : `did not get in: ${count(attempts.count, "attempt")} (${ATTEMPT_ORDERS[attempts.order]}${last})`;
  const end = endReason === undefined ? "cut off" : END_WORDS[endReason];
  return `Session ${recording.session}, ${absoluteTime(started)} UTC (${relativeTime(started, now)}): ${escapeText(opened.source.address)} ${tried}
  ${clientLine(evidence.client)}; ${end} after ${span(Number(duration) / 1e9)}
`;
}

import { escapeText, showable } from "../../model/bytes.ts";
import { showEndpoint } from "../../model/endpoint.ts";
import { microsAt } from "../../model/timestamps.ts";
import { absoluteTime, relativeTime } from "../human.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** Who came, when, from where, and with what client. */
export function who({ evidence, recording }: SessionWhole, { now }: Telling): string[] {
  const { opened, clientVersion, hassh } = evidence.summary;
  if (opened === undefined) return [`Session ${recording.session}: its recording does not say who it was.`];
  const started = microsAt(opened.startedAt, 0n);
  return [
    `Session ${recording.session}, ${absoluteTime(started)} UTC (${relativeTime(started, now)})`,
    `  from    ${escapeText(showEndpoint(opened.source))} to ${escapeText(showEndpoint(opened.listener))}, sensor ${escapeText(opened.sensor)}, persona ${escapeText(opened.persona)}`,
    `  client  ${clientVersion === undefined ? "said nothing" : showable(clientVersion)}${hassh === undefined ? "" : `, HASSH ${escapeText(hassh)}`}`,
  ];
}

import type { Client } from "../../evidence/client.ts";
import { TYPIST_RULES } from "../../evidence/client-typist.ts";
import { escapeText, showable } from "../../model/bytes.ts";
import { showEndpoint } from "../../model/endpoint.ts";
import { microsAt } from "../../model/timestamps.ts";
import { absoluteTime, cut, relativeTime } from "../human.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** Who came, when, from where, and with what client. */
export function who({ evidence, recording }: SessionWhole, telling: Telling): string[] {
  const { opened } = evidence.summary;
  if (opened === undefined) return [`Session ${recording.session}: its recording does not say who it was.`];
  const started = microsAt(opened.startedAt, 0n);
  return [
    `Session ${recording.session}, ${absoluteTime(started)} UTC (${relativeTime(started, telling.now)})`,
    `  from    ${escapeText(showEndpoint(opened.source))} to ${escapeText(showEndpoint(opened.listener))}, sensor ${escapeText(opened.sensor)}, persona ${escapeText(opened.persona)}${opened.hostname === undefined ? "" : ` (${escapeText(opened.hostname)})`}`,
    `  client  ${clientLine(evidence.client)}`,
    ...typistLines(evidence.client),
    ...(telling.full ? algorithmLines(evidence.client) : []),
  ];
}

export function clientLine({ version, hassh }: Client): string {
  const said = version === undefined ? "said nothing" : cut(showable(version), 60);
  return `${said}${hassh === undefined ? "" : `, HASSH ${escapeText(hassh)}`}`;
}

const TYPIST_WORDS = { human: "a person", machine: "a program", unknown: "not clear" } as const;

/** Whether a person or a program was at the keys, and by which rule. */
function typistLines({ typist, typistRule, rhythm: { keys, median } }: Client): string[] {
  if (typistRule === "nothing-typed") return [];
  const pace = median === undefined ? "" : `; ${keys} keys, one in ${Math.round(median)} ms`;
  return [`  at the keys: ${TYPIST_WORDS[typist]} (${TYPIST_RULES[typistRule].says}${pace})`];
}

function algorithmLines({ algorithms, terminals, environment, keys }: Client): string[] {
  const list = (names: readonly string[]) => cut(names.map(escapeText).join(","), 300);
  return [
    ...(algorithms === undefined
      ? []
      : [
          `  offers  kex ${list(algorithms.kex)}`,
          `          ciphers ${list(algorithms.cipherToServer)}`,
          `          MACs ${list(algorithms.macToServer)}; compression ${list(algorithms.compressionToServer)}`,
          `          host keys ${list(algorithms.hostKey)}`,
        ]),
    ...keys.map(
      (key) =>
        `  key     ${showable(key.algorithm)} ${escapeText(key.fingerprintSha256)} for ${cut(showable(key.user), 60)}`,
    ),
    ...terminals.map(
      ({ channel, term, columns, rows, modes }) =>
        `  terminal [${channel}] ${cut(showable(term), 60)} ${columns}×${rows}, ${modes.map(({ opcode, name, value }) => `${name ?? opcode}=${value}`).join(" ")}`,
    ),
    ...environment.map(
      ({ name, value }) => `  environment ${cut(showable(name), 60)}=${cut(showable(value), 200)}`,
    ),
  ];
}

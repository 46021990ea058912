import type { Notable } from "../index/report-notable.ts";
import type { Report, Tried } from "../index/report.ts";
import { absoluteTime, bytes, count, DROPPED_PASSWORD, span } from "./human.ts";
import { codeSpan, markdownTable } from "./markdown.ts";

/** A report as Markdown; what strangers sent stands in code spans only. */
export function reportAsMarkdown(report: Report): string {
  const sections: readonly (readonly [string, readonly string[], readonly (readonly string[])[]])[] = [
    ["Notable sessions", NOTABLE_HEAD, report.notable.map((one) => [...notableRow(one), String(one.points)])],
    ["Longest sessions", NOTABLE_HEAD.slice(0, -1), report.longest.map(notableRow)],
    [
      "Sources",
      ["source", "sessions", "attempts", "logins"],
      report.sources.map(({ source, ...counts }) => [
        codeSpan(source, "text"),
        String(counts.sessions),
        String(counts.attempts),
        String(counts.logins),
      ]),
    ],
    ["User names", TRIED_HEAD("user"), report.users.map(triedRow)],
    ["Passwords", TRIED_HEAD("password"), report.passwords.map(triedRow)],
    [
      "Credentials",
      ["user", ...TRIED_HEAD("password")],
      report.pairs.map(({ text, password, attempts, sources }) => [
        codeSpan(text),
        codeSpan(password),
        String(attempts),
        String(sources),
      ]),
    ],
    [
      "Clients",
      ["version", "HASSH", "sessions", "sources"],
      report.clients.map(({ version, hassh, sessions, sources }) => [
        codeSpan(version),
        hassh === undefined ? "" : codeSpan(hassh, "text"),
        String(sessions),
        String(sources),
      ]),
    ],
    [
      "Commands",
      ["command", "sessions", "sources"],
      report.commands.map(({ text, sessions, sources }) => [
        codeSpan(text),
        String(sessions),
        String(sources),
      ]),
    ],
    [
      "Indicators",
      ["kind", "value", "sources", "sessions"],
      report.indicators.map(({ kind, value, sources, sessions }) => [
        kind,
        codeSpan(value),
        String(sources),
        String(sessions),
      ]),
    ],
    [
      "New files",
      ["first seen (UTC)", "SHA-256", "size", "path", "sources", "session"],
      report.newArtifacts.map(({ first, sha256, size, path, sources, session }) => [
        absoluteTime(first),
        codeSpan(sha256, "text"),
        bytes(size),
        codeSpan(path),
        String(sources),
        codeSpan(session, "text"),
      ]),
    ],
    [
      "What was not let out",
      ["rule", "outcome", "protocol", "destination", "tries", "sessions"],
      report.denied.map(({ rule, outcome, protocol, address, port, name, tries, sessions }) => [
        codeSpan(rule, "text"),
        outcome,
        codeSpan(protocol, "text"),
        address === undefined
          ? "others"
          : [
              codeSpan(port === undefined ? address : `${address} port ${port}`, "text"),
              ...(name === undefined ? [] : [codeSpan(name)]),
            ].join(" "),
        String(tries),
        String(sessions),
      ]),
    ],
    [
      "How sessions ended",
      ["end", "sessions"],
      report.ends.map(({ reason, sessions }) => [codeSpan(reason, "text"), String(sessions)]),
    ],
  ];
  return `${[
    `# Report, ${absoluteTime(report.since)} to ${absoluteTime(report.until)} UTC`,
    ...summary(report),
    ...sections
      .filter(([, , rows]) => rows.length > 0)
      .map(([heading, head, rows]) => `## ${heading}\n\n${markdownTable(head, rows)}`),
  ].join("\n\n")}\n`;
}

function summary({ totals }: Report): string[] {
  if (totals.sessions === 0) return ["Nobody came."];
  const { sessions, sources, live, attempts, logins, loginSources, typedByHand, typedByMachine } = totals;
  return [
    [
      `${count(sessions, "session")} of ${count(sources, "source")}${live > 0 ? `, ${live} of them still there` : ""}; ${count(attempts, "attempt")} to log in.`,
      `${count(logins, "session")} of ${count(loginSources, "source")} got in; sandboxes: ${totals.sandboxes}, of which new: ${totals.newSandboxes};`,
      `a person typed in ${typedByHand}, a program in ${typedByMachine}.`,
    ].join(" "),
    `${count(totals.commands, "command")}, ${count(totals.transfers, "transfer")}, ${count(totals.forwards, "forward")}, ${totals.networkTries} tries on the network; ${bytes(totals.received)} from them, ${bytes(totals.sent)} to them.`,
  ];
}

const TRIED_HEAD = (what: string) => [what, "attempts", "sources"];

function triedRow({ text, attempts, sources }: Tried): string[] {
  return [codeSpan(text), String(attempts), String(sources)];
}

const NOTABLE_HEAD = [
  ...["session", "started (UTC)", "source", "login", "lasted", "typed by", "commands", "transfers"],
  ...["forwards", "network", "points"],
];

function notableRow(one: Notable): string[] {
  const kept = one.password === undefined ? DROPPED_PASSWORD : codeSpan(one.password);
  const password = one.method === "publickey" ? "(key)" : kept;
  return [
    codeSpan(one.session, "text"),
    absoluteTime(one.started),
    codeSpan(one.source, "text"),
    one.user === undefined ? "" : `${codeSpan(one.user)} / ${password}`,
    span(one.duration / 1e6),
    one.typist,
    String(one.commands),
    String(one.transfers),
    String(one.forwards),
    String(one.networkTries),
  ];
}

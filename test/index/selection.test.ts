import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import type { FilterOptions } from "../../gateway/commands/filter-options.ts";
import { parseFilter } from "../../gateway/commands/parse-filter.ts";
import { matchesOf } from "../../gateway/index/matches.ts";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { BOUNDS, selectSessions } from "../../gateway/index/selection.ts";
import type { Ask } from "../../gateway/index/sql.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import type { Observation } from "../../gateway/evidence/observation.ts";
import { crowd, type Stranger } from "./crowd.ts";

const NOW = Date.parse("2026-10-24T06:00:00Z");
const SIZE = 600;

/** A filter, the words of a search, and what they mean, said once more and without an index. */
interface Question {
  readonly words?: readonly string[];
  readonly options: FilterOptions;
  readonly means: (stranger: Stranger) => boolean;
}

const summary = ({ evidence }: Stranger) => evidence.summary;
const says = (stranger: Stranger, yes: (one: Observation) => boolean) =>
  stranger.evidence.observations.some(yes);
const profileOf = (stranger: Stranger) => {
  const last = stranger.evidence.observations.findLast((one) => one.kind === "tried");
  return last === undefined ? summary(stranger).opened?.profile : last.profile;
};
const address = (stranger: Stranger) => summary(stranger).opened?.source.address ?? "";
const ran = (stranger: Stranger, text: string) =>
  says(stranger, (one) => one.kind === "command" && one.text.toLowerCase().includes(text));
/** Files of uploads, and of the first capture of the sandbox that has them so. */
const files = (stranger: Stranger) => [
  ...stranger.evidence.observations.flatMap((one) => (one.kind === "transfer" ? [one] : [])),
  ...(stranger.capture?.changes ?? []).filter(
    ({ path, sha256 }) =>
      firstToTell.get(`${stranger.capture?.sandbox ?? ""} ${path} ${sha256 ?? ""}`) === stranger.session,
  ),
];
const everything = (stranger: Stranger) =>
  [
    ...stranger.evidence.observations.flatMap((one): (string | undefined)[] => {
      if (one.kind === "session-opened") return [one.source.address];
      if (one.kind === "client-version") return [one.version];
      if (one.kind === "key-exchange") return [one.hassh];
      if (one.kind === "tried") return [one.user, one.password];
      if (one.kind === "sandbox-leased") return [one.sandbox];
      if (one.kind === "command" || one.kind === "typed") return [one.text];
      return one.kind === "forward" ? [`${one.host}:${one.port}`] : [];
    }),
    ...files(stranger).flatMap(({ path, sha256 }) => [path, sha256]),
  ].map((text) => (text ?? "").toLowerCase());
const holds = (stranger: Stranger, word: string) => everything(stranger).some((text) => text.includes(word));
const firstToTell = new Map<string, string>();

const QUESTIONS: readonly Question[] = [
  { options: {}, means: () => true },
  { options: { since: "2h" }, means: ({ started }) => started >= (NOW - 7_200_000) * 1000 },
  {
    options: { until: "2026-10-24T01:30" },
    means: ({ started }) => started <= Date.parse("2026-10-24T01:30Z") * 1000,
  },
  {
    options: { since: "2026-10-24T01:00Z", until: "2026-10-24T04:00+02:00" },
    means: ({ started }) =>
      started >= Date.parse("2026-10-24T01:00Z") * 1000 && started <= Date.parse("2026-10-24T02:00Z") * 1000,
  },
  {
    options: { source: "64.0.0.0/2" },
    means: (one) => /^(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address(one)),
  },
  { options: { source: "2001:DB8::/32" }, means: (one) => address(one).startsWith("2001:db8:") },
  { options: { source: "0.0.0.0/0" }, means: (one) => address(one).includes(".") },
  { options: { source: "*.17*" }, means: (one) => address(one).includes(".17") },
  { options: { user: "root" }, means: (one) => says(one, (o) => o.kind === "tried" && o.user === "root") },
  { options: { user: "ROOT" }, means: () => false },
  { options: { user: "*e?" }, means: (one) => says(one, (o) => o.kind === "tried" && /e.$/.test(o.user)) },
  {
    options: { password: "1*3*" },
    means: (one) => says(one, (o) => o.kind === "tried" && /^1.*3/.test(o.password ?? "")),
  },
  {
    options: { user: "root", password: "123456" },
    means: (one) => says(one, (o) => o.kind === "tried" && o.user === "root" && o.password === "123456"),
  },
  { options: { command: "WGET http" }, means: (one) => ran(one, "wget http") },
  { options: { command: "ls" }, means: (one) => ran(one, "ls") },
  { options: { command: "'; --" }, means: () => false },
  { options: { file: "history" }, means: (one) => files(one).some(({ path }) => path.includes("history")) },
  {
    options: { file: ".bash_h*" },
    means: (one) => files(one).some(({ path }) => path === "/root/.bash_history"),
  },
  {
    options: { file: "/tmp/*/x" },
    means: (one) => files(one).some(({ path }) => /^\/tmp\/.*\/x$/.test(path)),
  },
  { options: { file: "bash_h*" }, means: () => false },
  {
    options: { client: "openssh" },
    means: (one) => summary(one).clientVersion?.includes("OpenSSH") === true,
  },
  {
    options: { client: "*libssh*" },
    means: (one) => summary(one).clientVersion?.includes("libssh") === true,
  },
  {
    options: { forward: "mail1" },
    means: (one) => says(one, (o) => o.kind === "forward" && o.host.startsWith("mail1")),
  },
  { options: { persona: "debian-12" }, means: () => true },
  { options: { persona: "debian" }, means: () => false },
  { options: { profile: "elsewhere" }, means: (one) => profileOf(one) === "elsewhere" },
  {
    options: { profile: "by name", failed: true },
    means: (one) => profileOf(one) === "by name" && !summary(one).loggedIn,
  },
  { options: { profile: "by *" }, means: () => false },
  { options: { indicator: "203.0.113.0" }, means: (one) => ran(one, "//203.0.113.0/") },
  { options: { indicator: "http://203.0.113.0/bins*" }, means: (one) => ran(one, "//203.0.113.0/bins") },
  { options: { indicator: "history -c" }, means: (one) => ran(one, "history -c") },
  { options: { loggedIn: true }, means: (one) => summary(one).loggedIn },
  { options: { failed: true }, means: (one) => !summary(one).loggedIn && summary(one).attempts > 0 },
  { options: { live: true }, means: () => false },
  { options: { typist: "machine" }, means: (one) => one.evidence.client.typist === "machine" },
  { options: { typist: "human", loggedIn: true }, means: (one) => one.evidence.client.typist === "human" },
  { options: { minDuration: "10m" }, means: (one) => summary(one).duration >= 600_000_000_000n },
  {
    options: { user: "root", command: "wget", loggedIn: true, since: "5h" },
    means: (one) =>
      one.started >= (NOW - 5 * 3_600_000) * 1000 &&
      ran(one, "wget") &&
      summary(one).loggedIn &&
      says(one, (o) => o.kind === "tried" && o.user === "root"),
  },
  { words: ["wget"], options: {}, means: (one) => holds(one, "wget") },
  { words: ["id"], options: {}, means: (one) => holds(one, "id") },
  {
    words: ["1234"],
    options: { failed: true },
    means: (one) => holds(one, "1234") && !summary(one).loggedIn,
  },
  { words: ["root", "history"], options: {}, means: (one) => holds(one, "root") && holds(one, "history") },
  { words: [".sh; rm -rf"], options: {}, means: (one) => holds(one, ".sh; rm -rf") },
  { words: ["\0\x1b"], options: {}, means: () => false },
];

/** Led by what is rare, found among the last, led by what is frequent, walked through. */
const WAYS = [
  BOUNDS,
  { few: 0, recent: 300, many: 0 },
  { few: 0, recent: 5, many: 100_000 },
  { few: 0, recent: 5, many: 0 },
  { few: 20, recent: 50, many: 200 },
];
const database = new DatabaseSync(":memory:");
const strangers: Stranger[] = [];
const run: Ask = ({ text, values }) => database.prepare(text).all(...values);

before(async () => {
  prepareSchema(database);
  const index = new IndexStore(database);
  for await (const one of crowd(SIZE)) strangers.push(one);
  for (const { session, capture } of strangers)
    for (const { path, sha256 } of capture?.changes ?? []) {
      const told = `${capture?.sandbox ?? ""} ${path} ${sha256 ?? ""}`;
      if (!firstToTell.has(told)) firstToTell.set(told, session);
    }
  // In another order than they came.
  for (const { recording, evidence, capture, session } of strangers.toSorted((a, b) =>
    a.session < b.session ? 1 : -1,
  )) {
    if (capture !== undefined) index.putCapture(session, 1, capture);
    index.putFinished(recording, "ended", evidence);
  }
});
after(() => {
  database.close();
});

function filterOf({ options, words = [] }: Question) {
  return parseFilter({ limit: "100000", ...options }, NOW, words);
}

function named({ options, words = [] }: Question): string {
  return JSON.stringify([...words, options]);
}

describe("what is found is what was meant", () => {
  for (const question of QUESTIONS)
    test(named(question), () => {
      const expected = strangers
        .filter(question.means)
        .map(({ session }) => session)
        .reverse();
      for (const bounds of WAYS)
        assert.deepEqual(selectSessions(run, filterOf(question), bounds), expected, JSON.stringify(bounds));
      const few = { ...filterOf(question), limit: 3 };
      for (const bounds of WAYS) assert.deepEqual(selectSessions(run, few, bounds), expected.slice(0, 3));
    });

  test("most of the questions find some and not all", () => {
    const some = QUESTIONS.filter(({ means }) => {
      const { length } = strangers.filter(means);
      return length > 0 && length < SIZE;
    });
    assert.ok(some.length > 25, String(some.length));
  });

  test("each word is told where it stands", () => {
    for (const question of QUESTIONS.filter(({ words }) => words !== undefined)) {
      const { texts } = filterOf(question);
      for (const session of selectSessions(run, filterOf(question)).slice(0, 50)) {
        const matches = matchesOf(run, session, texts).map(({ text }) => text.toLowerCase());
        for (const word of question.words ?? [])
          assert.ok(
            matches.some((text) => text.includes(word)),
            `${session}: ${word}`,
          );
      }
    }
  });
});

describe("no question reads all rows of a table", () => {
  test("not one, rare or frequent", () => {
    assert.deepEqual(scans(database), []);
  });

  // Each of these leads to a scan when its index is gone: the look at the plans would see one.
  for (const index of [
    ...["sessions_started", "sessions_source", "sessions_login", "sessions_duration", "sessions_state"],
    ...["texts_digest", "mentions_session", "findings_text", "findings_cause", "stays_cause"],
  ])
    test(`without ${index} there would be one`, () => {
      database.exec(`BEGIN; DROP INDEX ${index}`);
      try {
        assert.notDeepEqual(scans(database), []);
      } finally {
        database.exec("ROLLBACK");
      }
    });
});

/** The steps of plans that read a whole table, of all questions. Walking through sessions by time, until there are enough, is none. */
function scans(from: DatabaseSync): string[] {
  const found: string[] = [];
  for (const question of QUESTIONS)
    for (const bounds of WAYS) {
      const ask: Ask = ({ text, values }) => {
        const walks = text.includes("INDEXED BY sessions_started") && / LIMIT (\?|1 OFFSET \?)$/.test(text);
        for (const { detail } of from.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values)) {
          const step = String(detail);
          if (
            !isScan(step) ||
            (walks && step.startsWith("SCAN sessions USING") && step.endsWith("sessions_started"))
          )
            continue;
          found.push(`${named(question)}: ${step}`);
        }
        return from.prepare(text).all(...values);
      };
      try {
        const [first] = selectSessions(ask, { ...filterOf(question), limit: 3 }, bounds);
        if (first !== undefined) matchesOf(ask, first, filterOf(question).texts);
      } catch (error) {
        found.push(String(error));
      }
    }
  return found;
}

/** FTS5 says of a look-up M; of its vocabulary that both ends of a range are known, in two bits. */
function isScan(step: string): boolean {
  if (!step.startsWith("SCAN")) return step.includes("AUTOMATIC");
  if (/^SCAN (\(subquery-\d+\)|CONSTANT ROW|\d+ CONSTANT)/.test(step)) return false;
  const [, range] = /^SCAN texts_threes VIRTUAL TABLE INDEX (\d+):/.exec(step) ?? [];
  if (range !== undefined) return (Number(range) & 0x600) !== 0x600;
  return !step.startsWith("SCAN texts_parts VIRTUAL TABLE INDEX 0:M");
}

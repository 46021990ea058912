/**
 * `npm run bench:search`: what the index costs, and how long lists and searches take. The crowd goes through the store that the archivist
 * has; each question is asked by a reader that was just opened, as a command does it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FilterOptions } from "../../gateway/commands/filter-options.ts";
import { parseFilter } from "../../gateway/commands/parse-filter.ts";
import { INDICATOR_KINDS } from "../../gateway/evidence/indicators/indicator.ts";
import { selectIndicators, type IndicatorFilter } from "../../gateway/index/indicators.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { INDEX_FILE } from "../../gateway/index/schema.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { crowd } from "../index/crowd.ts";
import { median, percentile } from "./figures.ts";

const SESSIONS = Number(process.argv[2] ?? 100_000);
const TIMES = 7;
/** Words to search for, then filters. */
const questions = (sample: Sample): readonly (readonly [readonly string[], FilterOptions])[] => [
  [[], {}],
  [[], { since: "2026-10-24", until: "2026-10-24" }],
  [[], { source: sample.address }],
  [[], { source: `${sample.address.split(".").slice(0, 2).join(".")}.0.0/16` }],
  [[], { source: "64.0.0.0/3" }],
  [[], { source: "2001:db8::/32" }],
  [[], { source: "*.17" }],
  [[], { user: "root" }],
  [[], { user: "user3999" }],
  [[], { user: "*99" }],
  [[], { password: "123456" }],
  [[], { password: "P*d" }],
  [[], { user: "root", password: "raspberry" }],
  [[], { command: "wget" }],
  [[], { command: "bins39.sh" }],
  [[], { command: "no such thing" }],
  [[], { file: ".bash_history" }],
  [[], { file: "/tmp/.0*/x" }],
  [[], { sha256: sample.sha256 }],
  [[], { client: "OpenSSH" }],
  [[], { client: "rare_58" }],
  [[], { hassh: sample.hassh }],
  [[], { forward: "mail2*.example:25" }],
  [[], { persona: "debian-12" }],
  [[], { indicator: "203.0.113.77" }],
  [[], { indicator: "http://203.0.113.1/bins2*" }],
  [[], { loggedIn: true }],
  [[], { failed: true }],
  [[], { live: true }],
  [[], { minDuration: "10m" }],
  [[], { user: "root", command: "wget", since: "2026-11-01", loggedIn: true }],
  [["wget"], {}],
  [["123"], {}],
  [["ls"], {}],
  [["203.0.113.77"], {}],
  [["nowhere to be found"], {}],
  [["root", "miner"], {}],
  [["root", "wget", "raspberry"], {}],
  [["rare_58", "oracle"], {}],
  // Frequent alone, and never together: the most that can be asked of it.
  [["SSH-2.0-Go", "libssh2"], {}],
];

const folder = mkdtempSync(join(tmpdir(), "mitsubako-bench-search-"));
try {
  ask(await fill());
  list("indicators", {});
  list("indicators, of the last day", { since: Date.parse("2026-11-22T00:00:00Z") * 1000 });
  list("indicators, of one kind", { kinds: ["url"] });
  call("sessions", "--user", "root", "--command", "wget");
  call("search", "wget", "root");
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Of what is there once or a few times. */
interface Sample {
  readonly address: string;
  readonly hassh: string;
  readonly sha256: string;
}

async function fill(): Promise<Sample> {
  const sample = { address: "", hassh: "", sha256: "" };
  const sessions: number[] = [];
  const captures: number[] = [];
  {
    using store = IndexStore.open(folder);
    for await (const { session, recording, evidence, capture } of crowd(SESSIONS)) {
      sessions.push(
        timed(() => {
          store.putFinished(recording, "ended", evidence);
        }),
      );
      const { opened, hassh } = evidence.summary;
      if (opened?.source.address.includes(".") === true) sample.address = opened.source.address;
      sample.hassh = hassh ?? "";
      if (capture === undefined) continue;
      sample.sha256 = capture.changes.at(-1)?.sha256?.slice(0, 12) ?? "";
      captures.push(
        timed(() => {
          store.putCapture(session, 1, capture);
        }),
      );
    }
  }
  const { size } = statSync(join(folder, INDEX_FILE));
  say("sessions", SESSIONS.toLocaleString("en"));
  say("index", `${(size / 1e6).toFixed(1)} MB, ${Math.round(size / SESSIONS)} bytes a session`);
  for (const [what, times] of [
    ["put a session", sessions],
    ["put a capture", captures],
  ] as const)
    say(
      what,
      `${shown(mean(times))} mean, ${shown(median(times))} median, ${shown(percentile(times, 99))} p99`,
    );
  return sample;
}

function ask(sample: Sample): void {
  for (const [words, options] of questions(sample)) {
    const filter = parseFilter(options, Date.now(), words);
    let found = 0;
    const times = Array.from({ length: TIMES }, () =>
      timed(() => {
        using reader = IndexReader.open(folder);
        const rows = reader?.sessions(filter) ?? [];
        if (words.length > 0) for (const { id } of rows) reader?.matches(id, filter.texts);
        found = rows.length;
      }),
    );
    const asked = Object.entries(options).map(
      ([name, value]) =>
        `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}${value === true ? "" : ` ${String(value)}`}`,
    );
    say(
      [words.length > 0 ? "search" : "sessions", ...words, ...asked].join(" "),
      `${shown(median(times))} median, ${shown(Math.max(...times))} most, ${found} found`,
    );
  }
}

function list(what: string, filter: Partial<IndicatorFilter>): void {
  let found = 0;
  const times = Array.from({ length: TIMES }, () =>
    timed(() => {
      using reader = IndexReader.open(folder);
      if (reader === undefined) return;
      found = selectIndicators(reader.ask, { kinds: INDICATOR_KINDS, limit: 100, ...filter }).length;
    }),
  );
  say(what, `${shown(median(times))} median, ${shown(Math.max(...times))} most, ${found} found`);
}

/** The whole command, from the shell's view. */
function call(...words: readonly string[]): void {
  const main = join(import.meta.dirname, "../../gateway/main.ts");
  const times = Array.from({ length: TIMES }, () =>
    timed(() => execFileSync(process.execPath, [main, ...words, "--data", folder], { stdio: "ignore" })),
  );
  say(`the command: ${words.join(" ")}`, `${shown(median(times))} median, ${shown(Math.max(...times))} most`);
}

function timed(work: () => unknown): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

function shown(milliseconds: number): string {
  return `${milliseconds.toPrecision(3)} ms`;
}

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(72)} ${figure}\n`);
}

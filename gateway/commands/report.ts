import { reportOf, type Report } from "../index/report.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { parseLimit, parseTime, TERMINAL } from "./human.ts";
import { openIndex } from "./open-index.ts";
import { reportAsMarkdown } from "./report-markdown.ts";

export interface ReportOptions {
  readonly data: string;
  readonly since?: string;
  readonly until?: string;
  readonly top?: string;
  readonly json?: boolean;
}

/** `mitsubako report`: what happened in some time, in Markdown or JSON. Throws `bad-usage`. */
export async function reportCommand(options: ReportOptions, output = TERMINAL): Promise<number> {
  const now = output.now();
  const since = parseTime(options.since ?? "24h", now, "--since", "first");
  const until = options.until === undefined ? now * 1000 : parseTime(options.until, now, "--until", "last");
  if (since > until)
    throw new MitsubakoError("bad-usage", "--since is after --until.", {
      remedy: "Give the earlier time to --since.",
    });
  const top = parseLimit(options.top ?? "20", "--top");
  using index = await openIndex(options.data, output);
  const report = reportOf(index.ask, { since: Math.floor(since), until: Math.floor(until) }, top);
  output.stdout.write(options.json === true ? `${jsonText(jsonOf(report))}\n` : reportAsMarkdown(report));
  return 0;
}

function jsonOf(report: Report): unknown {
  const shown = <T extends { readonly started: number; readonly duration: number }>(one: T) => ({
    ...one,
    started: showMicros(one.started),
    duration: one.duration / 1e6,
  });
  return asJson({
    ...report,
    since: showMicros(report.since),
    until: showMicros(report.until),
    indicators: report.indicators.map((one) => ({
      ...one,
      firstSeen: showMicros(one.firstSeen),
      lastSeen: showMicros(one.lastSeen),
    })),
    newArtifacts: report.newArtifacts.map((one) => ({ ...one, first: showMicros(one.first) })),
    longest: report.longest.map(shown),
    notable: report.notable.map(shown),
  });
}

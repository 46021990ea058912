import { escapeText, showable } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { NETWORK_RULES, type NetworkFact } from "../model/network-facts.ts";
import { bytes, cut } from "./human.ts";

/** What a sandbox tried on its network: like tries in one line with their number, in the order in which each kind was first seen. */
export function networkLines(facts: readonly NetworkFact[]): string[] {
  const groups = new Map<string, number>();
  for (const fact of facts) {
    const said = tried(fact);
    groups.set(said, (groups.get(said) ?? 0) + fact.count);
  }
  return [...groups].map(([said, times]) => `  ${said}${times === 1 ? "" : ` ×${times}`}`);
}

function tried({ rule, protocol, number, to, name, data, size }: NetworkFact): string {
  const named = name === undefined ? "" : cut(showable(name), 100);
  if (rule === "dns") return `looked up: ${named}`;
  const what = protocol === "other" ? `protocol ${number ?? "unknown"}` : protocol;
  const where = to.port === 0 ? escapeText(to.address) : escapeText(showEndpoint(to));
  const head = `${NETWORK_RULES[rule].outcome}: ${what} ${where}`;
  // The outcome says it already where the rule is called the same.
  const why = rule === "sinkhole" || rule === "limited" ? "" : ` (${rule})`;
  const sent = size === undefined ? "" : `, ${bytes(size)} sent`;
  const begins = data === undefined || data === "" ? "" : `: ${cut(showable(firstLine(data)), 80)}`;
  return `${head}${why}${named === "" ? "" : ` ${named}`}${sent}${begins}`;
}

function firstLine(data: NonNullable<NetworkFact["data"]>): Buffer {
  return Buffer.from(/^[^\r\n]*/.exec(data)?.[0] ?? "", "latin1");
}

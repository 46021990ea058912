/** What the schema cannot say: expressions that do not compile, and values that make no sense together. */
import { isIPv6 } from "node:net";
import { BOT_PORTS } from "../model/bot-ports.ts";
import { showEndpoint } from "../model/endpoint.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Policy } from "../model/policy.ts";
import { isLoopbackHost } from "../model/policy-webhook.ts";
import type { PolicyDocument } from "./document.ts";
import { MatcherError, compileEntry } from "./matcher.ts";
import { showPath } from "./problem.ts";
import { rangesOverlap } from "./ranges.ts";
import type { PolicyPath, Problem } from "./problem.ts";

interface Finding {
  readonly path: PolicyPath;
  readonly message: string;
}

export function contradictions(policy: Policy, document: PolicyDocument): Problem[] {
  const findings = [
    ...policy.auth.rules.flatMap((rule, index) => [
      ...matchers(rule.user, ["auth", "rules", index, "user"]),
      ...matchers(rule.password, ["auth", "rules", index, "password"]),
      ...pointless(rule.verdict === "reject" && rule.afterAttempts > 1, {
        path: ["auth", "rules", index, "afterAttempts"],
        message: "goes with `verdict: accept`; a rule that rejects does so from the first attempt on",
      }),
    ]),
    ...repeated(policy.auth.rules.map((rule) => rule.name)).map((index) => ({
      path: ["auth", "rules", index, "name"],
      message: "is the name of an earlier rule; recordings could not tell the two apart",
    })),
    ...repeated(
      policy.listen.map(({ address, port }) => (port === 0 ? undefined : `${address} ${port}`)),
    ).map((index) => ({ path: ["listen", index], message: "is listed twice; remove one of the two" })),
    ...policy.listen.flatMap(({ address, port }, index) => {
      const every = policy.listen.find((other) => takesIn(other, { address, port }));
      return every === undefined
        ? []
        : [
            {
              path: ["listen", index],
              message: `is within ${showEndpoint(every)}, which takes that port on every address; remove one of the two`,
            },
          ];
    }),
    ...repeated(policy.auth.methods ?? []).map((index) => ({
      path: ["auth", "methods", index],
      message: "is listed twice; remove one of the two",
    })),
    ...repeated(policy.auth.refuse).map((index) => ({
      path: ["auth", "refuse", index],
      message: "is listed twice; remove one of the two",
    })),
    ...pointless(policy.sandbox.spares > policy.sandbox.most, {
      path: ["sandbox", "spares"],
      message: `is ${policy.sandbox.spares}, but only ${policy.sandbox.most} sandboxes may exist (sandbox.most)`,
    }),
    ...pointless(policy.sandbox.cpuPeriod !== undefined && policy.sandbox.cpuQuota === undefined, {
      path: ["sandbox", "cpuPeriod"],
      message: "has no effect without sandbox.cpuQuota; give a quota such as 0.5, or remove it",
    }),
    ...networkFindings(policy.network),
    ...webhookFindings(policy.events.webhook),
  ];
  return findings.map(({ path, message }) => ({
    ...document.place(path),
    path: showPath(path),
    message: `${showPath(path)} ${message}`,
  }));
}

/** The kernel gives a port to one of them only. */
function takesIn(every: Endpoint, one: Endpoint): boolean {
  const wildcard = isIPv6(one.address) ? "::" : "0.0.0.0";
  return one.port !== 0 && every.port === one.port && every.address === wildcard && one.address !== wildcard;
}

function networkFindings({ ports, fences, openFences }: Policy["network"]): Finding[] {
  const opened = openFences.flatMap((range, index) => {
    const fence = fences.find((other) => rangesOverlap(range, other));
    return fence === undefined
      ? []
      : [
          {
            path: ["network", "openFences", index],
            message: `opens what network.fences has closed (${fence}); one of the two has to go`,
          },
        ];
  });
  return [...opened, ...ports.flatMap(portFindings)];
}

function portFindings(
  { protocol, ports: ranges = [], egress }: Policy["network"]["ports"][number],
  index: number,
): Finding[] {
  const path = ["network", "ports", index, "ports"];
  const covers = (from: number, to: number) => ranges.some(([low, high]) => low <= to && high >= from);
  const bots = BOT_PORTS.filter(([from, to]) => covers(from, to)).map(([from]) => from);
  return [
    ...pointless(ranges.length > 0 && (protocol === "icmp" || protocol === "other"), {
      path,
      message: `means nothing for ${protocol}, which has no ports; remove it`,
    }),
    ...pointless(covers(53, 53), {
      path,
      message: "holds 53: names always go to our own resolver, or nowhere; leave 53 out",
    }),
    ...pointless(egress === "limited" && protocol === "tcp" && bots.length > 0, {
      path,
      message: `holds ${bots.join(", ")}, which bots use for scans and mail: they can be denied or sinkholed, never let out`,
    }),
  ];
}

function webhookFindings(webhook: Policy["events"]["webhook"]): Finding[] {
  if (webhook === undefined) return [];
  const { protocol, hostname } = new URL(webhook.url);
  const { first, most } = webhook.retry;
  const isPlain = protocol === "http:";
  return [
    ...pointless(isPlain && !webhook.plaintext && !isLoopbackHost(hostname), {
      path: ["events", "webhook", "url"],
      message:
        "is http:// to another machine: passwords could be read on the way. Use https://, or set events.webhook.plaintext: true",
    }),
    ...pointless(isPlain && webhook.caFile !== undefined, {
      path: ["events", "webhook", "caFile"],
      message: "has no effect on http://, which has no certificates; use https://, or remove it",
    }),
    ...pointless(first > most, {
      path: ["events", "webhook", "retry", "most"],
      message: `is ${most} ms, less than the first pause (retry.first, ${first} ms)`,
    }),
  ];
}

function pointless(isPointless: boolean, finding: Finding): Finding[] {
  return isPointless ? [finding] : [];
}

function matchers(matcher: string | readonly string[] | undefined, path: PolicyPath): Finding[] {
  if (matcher === undefined) return [];
  const entries = typeof matcher === "string" ? [{ entry: matcher, path }] : places(matcher, path);
  return entries.flatMap(({ entry, path: at }) => {
    try {
      compileEntry(entry);
      return [];
    } catch (error) {
      if (!(error instanceof MatcherError)) throw error;
      return [{ path: at, message: `has to be ${error.message}` }];
    }
  });
}

function places(entries: readonly string[], path: PolicyPath): { entry: string; path: PolicyPath }[] {
  return entries.map((entry, index) => ({ entry, path: [...path, index] }));
}

/** Indices of what stood in the list before. */
function repeated(list: readonly (string | undefined)[]): number[] {
  const seen = new Set<string>();
  return list.flatMap((entry, index) => {
    if (entry === undefined) return [];
    if (seen.has(entry)) return [index];
    seen.add(entry);
    return [];
  });
}

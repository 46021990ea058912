import { processTree, type ProcessNode } from "../evidence/process-tree.ts";
import type { Observation } from "../evidence/observation.ts";
import { linksOf } from "../index/links.ts";
import { IndexReader } from "../index/query.ts";
import { NETWORK_RULES, type NetworkFact } from "../model/network-facts.ts";
import type { FileFact } from "../model/file-facts.ts";
import type { ProcessFact } from "../model/process-facts.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { jsonIndicator } from "./indicator-json.ts";
import type { SessionWhole } from "./story/whole.ts";

/** All that is known of a session, for programs: whatever the story tells stands in it. */
export function sessionAsJson(dataFolder: string, session: SessionWhole): unknown {
  const { recording, evidence, state, damage, stayed, unattended, indicators } = session;
  const { summary, observations, leftOut } = evidence;
  return asJson({
    session: recording.session,
    recording: recording.path,
    state: recording.live ? "live" : state,
    ...(damage === undefined ? {} : { damage: damage.message }),
    summary: { ...summary, duration: Number(summary.duration) / 1e9 },
    observations,
    leftOut,
    client: evidence.client,
    files: filesOf(session),
    processes: processesOf(session),
    network: networkOf(session),
    indicators: indicators.map(jsonIndicator),
    links: linksIn(dataFolder, session),
    unattended: unattended.map(({ at, ...late }) => ({ at: showMicros(at), ...late })),
    ...(stayed === undefined ? {} : { stayed }),
  });
}

/** As `mitsubako links SESSION` tells it; null where the index does not know the session. */
function linksIn(dataFolder: string, { recording }: SessionWhole): unknown {
  using index = IndexReader.open(dataFolder);
  const row = index?.session(recording.session);
  return index === undefined || row === undefined ? null : linksOf(index.ask, [row.id], row.sourceAddress);
}

/** Each file that came, went, was written, run, deleted or left, with how that is known. */
function filesOf({ evidence, unattended, stayed }: SessionWhole): object[] {
  const observed = evidence.observations.flatMap((one) => fileOf(one) ?? []);
  const late = unattended.flatMap(({ fact }) =>
    fact.kind === "file" ? [{ ...witnessedFile(fact), late: true }] : [],
  );
  const kinds = { A: "added", C: "changed", D: "deleted" } as const;
  const left = (stayed?.changes ?? []).map(({ kind, ...change }) => ({
    how: kinds[kind],
    by: "capture",
    ...change,
  }));
  return [...observed, ...late, ...left];
}

function fileOf(one: Observation): object | undefined {
  switch (one.kind) {
    case "transfer": {
      const { direction: how, protocol: by, path, size, sha256, whole, entry, at } = one;
      return { how, by, path, size, sha256, whole, entry, at };
    }
    case "dropped": {
      const { certainty: how, way, path, size, sha256, whole, entry, startedAt: at } = one;
      return { how, by: "shell", way, path, size, sha256, whole, entry, at };
    }
    case "file-operation": {
      const { operation: how, path, to, done, entry, at } = one;
      return { how, by: "sftp", path, to, done, entry, at };
    }
    case "file":
      return { ...witnessedFile(one), entry: one.entry, at: one.at };
    default:
      return undefined;
  }
}

function witnessedFile({ how, path, size, sha256, leftOut, pid, uid, time }: FileFact): object {
  return { how, by: "witness", path, size, sha256, leftOut, pid, uid, time: showMicros(time) };
}

/** Programs that were run, a parent before its children, each with its depth, its end and its connects. */
function processesOf(session: SessionWhole): object {
  const facts = factsOf<ProcessFact>(session, "process");
  const tree = processTree(facts);
  const programs: object[] = [];
  // On a stack of our own: a chain of programs can be as long as an attacker likes.
  const waiting: { readonly node: ProcessNode; readonly depth: number }[] = tree.roots.map((node) => ({ node, depth: 0 })).reverse(); // prettier-ignore
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { run, ended, connects, children } = next.node;
    const { path, argv, argvLeftOut, pid, parent, uid, server, errno, time } = run;
    programs.push({
      ...{ depth: next.depth, path, argv, argvLeftOut, pid, parent, uid, server, errno },
      ...{ time: showMicros(time), ended, connects: connects.map(connectOf) },
    });
    for (const child of children.toReversed()) waiting.push({ node: child, depth: next.depth + 1 });
  }
  const more = facts.filter((fact) => fact.did === "more");
  return { programs, connects: tree.connects.map(connectOf), more };
}

function connectOf({ to, errno, count, time }: Extract<ProcessFact, { did: "connect" }>): object {
  // `to` is bytes elsewhere.
  return { target: to, errno, count, time: showMicros(time) };
}

/** What its sandbox tried on the network: like tries once, with their number. */
function networkOf(session: SessionWhole): object[] {
  const groups = new Map<string, { readonly fact: NetworkFact; count: number }>();
  for (const fact of factsOf<NetworkFact>(session, "network")) {
    const { rule, protocol, number, to, name } = fact;
    const key = JSON.stringify([rule, protocol, number, to, name]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { fact, count: fact.count });
    else group.count += fact.count;
  }
  return [...groups.values()].map(({ fact: { rule, protocol, number, to, name, data, size }, count }) => ({
    ...{ outcome: NETWORK_RULES[rule].outcome, rule, protocol, number, target: to, name, data, size, count },
  }));
}

/** While the session was there, then afterwards. */
function factsOf<T extends SandboxFact>({ evidence, unattended }: SessionWhole, kind: T["kind"]): T[] {
  const all: readonly SandboxFact[] = [
    ...evidence.observations.filter((one) => one.kind === "network" || one.kind === "process" || one.kind === "file"), // prettier-ignore
    ...unattended.map(({ fact }) => fact),
  ];
  return all.filter((fact): fact is T => fact.kind === kind);
}

import type { ConnectAsked, Ended, ProcessFact, ProgramRun } from "../model/process-facts.ts";

/** One program that was run, with what is known of it; the same process can be several, one after the other. */
export interface ProcessNode {
  readonly run: ProgramRun;
  readonly ended?: Ended;
  readonly connects: readonly ConnectAsked[];
  readonly children: readonly ProcessNode[];
}

interface Growing {
  readonly run: ProgramRun;
  ended?: Ended;
  readonly connects: ConnectAsked[];
  readonly children: Growing[];
}

export interface ProcessTree {
  readonly roots: readonly ProcessNode[];
  /** Connects of processes of which no run was told. */
  readonly connects: readonly ConnectAsked[];
}

/**
 * What ran what, from a session's facts in the order in which they were told. Process ids come again: a parent is the last that was run
 * with the id before. Runs that failed are leaves.
 */
export function processTree(facts: Iterable<ProcessFact>): ProcessTree {
  const roots: Growing[] = [];
  const connects: ConnectAsked[] = [];
  const running = new Map<number, Growing>();
  for (const fact of facts) {
    switch (fact.did) {
      case "run": {
        const node: Growing = { run: fact, connects: [], children: [] };
        if (fact.ended !== undefined) node.ended = fact.ended;
        // What a process runs in its own place has the same parent as what it ran before.
        const above =
          running.get(fact.errno === undefined ? fact.parent : fact.pid) ?? running.get(fact.parent);
        (above?.children ?? roots).push(node);
        if (fact.errno === undefined) running.set(fact.pid, node);
        break;
      }
      case "end": {
        const node = running.get(fact.pid);
        if (node !== undefined) node.ended = fact.ended;
        break;
      }
      case "connect":
        (running.get(fact.pid)?.connects ?? connects).push(fact);
        break;
      case "more":
        break;
      default:
        fact satisfies never;
    }
  }
  return { roots, connects };
}

/** How much was done, the SSH server's own left out. */
export interface ProcessCounts {
  /** Programs that were run, and tries that failed. */
  readonly runs: number;
  readonly failed: number;
  /** Connects to other machines or ports; those to sockets of files are none. */
  readonly connects: number;
}

export function processCounts(facts: Iterable<ProcessFact>): ProcessCounts {
  let [runs, failed, connects] = [0, 0, 0];
  for (const fact of facts) {
    if (fact.did === "more") {
      runs += fact.runs;
      connects += fact.connects;
    } else if (fact.server === true) continue;
    else if (fact.did === "run" && fact.errno === undefined) runs++;
    else if (fact.did === "run") failed++;
    else if (fact.did === "connect" && "port" in fact.to) connects += fact.count ?? 1;
  }
  return { runs, failed, connects };
}

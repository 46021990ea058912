import { processCounts, processTree, type ProcessNode } from "../../evidence/process-tree.ts";
import { fromByteString, showable, type ByteString } from "../../model/bytes.ts";
import { showEndpoint } from "../../model/endpoint.ts";
import type { ConnectAsked, ProcessFact } from "../../model/process-facts.ts";
import { count, cut } from "../human.ts";
import { someOf } from "./some.ts";
import type { SessionWhole, Telling } from "./whole.ts";

/** Deeper than this is told on this level. */
const DEEPEST = 12;
const LONGEST_LINE = 160;
/** Nodes of the tree that are made into lines. */
const MOST_NODES = 3000;

/** What the kernel saw being run, in one line; in full as a tree. */
export function ran({ evidence, unattended, recording }: SessionWhole, telling: Telling): string[] {
  const facts: ProcessFact[] = evidence.observations.filter((one) => one.kind === "process");
  for (const { fact } of unattended) if (fact.kind === "process") facts.push(fact);
  const { runs, failed, connects } = processCounts(facts);
  if (runs + failed + connects === 0) return [];
  const counts = [
    `${count(runs, "program")} run`,
    ...(failed > 0 ? [`${failed} that could not be run`] : []),
    ...(connects > 0 ? [count(connects, "connect")] : []),
  ].join(", ");
  if (!telling.full) return [`What the kernel saw: ${counts} (--full has the tree)`];
  const lines: string[] = [];
  for (const root of processTree(facts).roots) tell(root, 1, lines);
  return [
    `What the kernel saw: ${counts}`,
    ...someOf(
      lines,
      telling,
      { short: 0, full: 1000 },
      (more) => `… ${more} more (--json: ${recording.session})`,
    ),
  ];
}

/** What the SSH server did of its own accord is passed over, not what it started. */
function tell(node: ProcessNode, level: number, lines: string[]): void {
  // On a stack of our own: a chain of programs can be as long as an attacker likes.
  const waiting = [{ node, level }];
  for (let next = waiting.pop(); next !== undefined && lines.length < MOST_NODES; next = waiting.pop()) {
    const isTold = next.node.run.server !== true;
    if (isTold) lines.push(...told(next.node, Math.min(next.level, DEEPEST)));
    const below = isTold ? next.level + 1 : next.level;
    for (const child of next.node.children.toReversed()) waiting.push({ node: child, level: below });
  }
}

function told({ run, ended, connects }: ProcessNode, level: number): string[] {
  const indent = "  ".repeat(level);
  const words = run.argv.length === 0 ? run.path : run.argv.map((one) => (one === "" ? "''" : one)).join(" ");
  const how =
    run.errno !== undefined
      ? ` (not run: error ${run.errno})`
      : ended?.signal !== undefined
        ? ` (killed by signal ${ended.signal})`
        : ended?.status === undefined || ended.status === 0
          ? ""
          : ` (exit status ${ended.status})`;
  const who = run.uid === 0 ? "" : ` [uid ${run.uid}]`;
  return [
    `${indent}${cut(showable(fromByteString(words as ByteString)), LONGEST_LINE)}${trulyOf(run)}${who}${how}`,
    ...connects.flatMap((one) => connected(one, indent)),
  ];
}

/** What was run, where it calls itself something else: the kernel's own threads, for one. Of a script its interpreter has the name. */
function trulyOf({ path, argv }: ProcessNode["run"]): string {
  const [name] = argv;
  const isItsOwn =
    name === undefined || argv.includes(path) || lastOf(name.replace(/^-/, "")) === lastOf(path);
  return isItsOwn ? "" : ` (truly ${cut(showable(path), LONGEST_LINE)})`;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function connected({ to, errno, count: times = 1 }: ConnectAsked, indent: string): string[] {
  if (!("port" in to)) return [];
  const failed =
    errno === undefined || errno === EINPROGRESS
      ? ""
      : errno >= ERESTARTSYS && errno <= ERESTART_RESTARTBLOCK
        ? " (interrupted)"
        : ` (error ${errno})`;
  return [`${indent}  → ${showEndpoint(to)}${failed}${times === 1 ? "" : ` ×${times}`}`];
}

const EINPROGRESS = 115;
/** The kernel's own, seen from within: a signal came first, a deadline's for one. */
const [ERESTARTSYS, ERESTART_RESTARTBLOCK] = [512, 516];

/** What is made of process facts: checked as they come in, a tree, events, lines of a story. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ran } from "../../gateway/commands/story/processes.ts";
import type { SessionWhole } from "../../gateway/commands/story/whole.ts";
import { processCounts, processTree } from "../../gateway/evidence/process-tree.ts";
import { sandboxFactOf } from "../../gateway/evidence/sandbox-fact.ts";
import { processEvents } from "../../gateway/events/process.ts";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { MOST_ARGUMENT_BYTES, MOST_ARGUMENTS, type ProcessFact } from "../../gateway/model/process-facts.ts";
import { parseWatcherMessage } from "../../gateway/warden/watch/messages.ts";
import { faults } from "../events/field-table.ts";

const bytes = (text: string) => text as ByteString;
const by = { kind: "process", time: 1_795_000_000_000_000, uid: 0 } as const;
const run = (pid: number, parent: number, ...argv: string[]): ProcessFact => {
  return { ...by, did: "run", pid, parent, path: bytes(argv[0] ?? ""), argv: argv.map(bytes) };
};

const FACTS: readonly ProcessFact[] = [
  {
    ...by,
    did: "run",
    pid: 10,
    parent: 7,
    path: bytes("/usr/sbin/sshd"),
    argv: [bytes("sshd")],
    server: true,
  },
  run(12, 10, "-bash"),
  run(13, 12, "sh", "\x1b[2Jnot\nthis"),
  {
    ...by,
    did: "connect",
    pid: 13,
    to: { family: "inet", address: "203.0.113.5", port: 80 },
    errno: 111,
    count: 2,
  },
  { ...by, did: "connect", pid: 13, to: { family: "unix", path: bytes("\0x") } },
  { ...by, did: "run", pid: 14, parent: 13, path: bytes("/no"), argv: [], errno: 2, uid: 33 },
  { ...by, did: "end", pid: 13, ended: { after: 5, signal: 9 } },
  run(13, 12, "again"),
  { kind: "process", did: "more", time: by.time, runs: 5, connects: 6 },
];

test("every fact passes the checks on its way unchanged", () => {
  for (const fact of FACTS) assert.deepEqual(sandboxFactOf(JSON.parse(JSON.stringify(fact))), fact);
  const message = { kind: "facts", namespace: 1, client: { address: "192.0.2.1", port: 1 }, facts: FACTS };
  assert.deepEqual(parseWatcherMessage(message), message);
  assert.deepEqual(parseWatcherMessage({ ...message, client: undefined })?.kind, "facts");
});

test("what is none, or too much, is refused on its way: by root and by whoever reads a recording", () => {
  const good = run(1, 2, "x");
  const hostile: unknown[] = [
    { ...good, did: "fly" },
    { ...good, pid: -1 },
    { ...good, pid: 2 ** 32 },
    { ...good, uid: 1.5 },
    { ...good, time: "now" },
    { ...good, path: "\u0100" },
    { ...good, path: "x".repeat(4097) },
    { ...good, argv: "x" },
    { ...good, argv: [1] },
    { ...good, argv: Array(MOST_ARGUMENTS + 1).fill("") },
    { ...good, argv: ["x".repeat(MOST_ARGUMENT_BYTES), "y"] },
    { ...good, errno: 5000 },
    { ...good, server: false },
    { ...good, ended: { after: 1, status: 256 } },
    { ...by, pid: 1, did: "connect", to: { family: "inet", address: "\x1b[2J", port: 1 } },
    { ...by, pid: 1, did: "connect", to: { family: "inet", address: "192.0.2.1", port: 65_536 } },
    { ...by, pid: 1, did: "end" },
    { ...by, did: "more", runs: -1, connects: 0 },
  ];
  for (const fact of hostile) {
    assert.equal(sandboxFactOf(fact), undefined, JSON.stringify(fact).slice(0, 200));
    assert.equal(
      parseWatcherMessage({ kind: "facts", namespace: 1, client: undefined, facts: [fact] }),
      undefined,
    );
  }
  assert.equal(
    parseWatcherMessage({ kind: "facts", namespace: 1, client: undefined, facts: [], more: 1 }),
    undefined,
  );
});

test("a tree: what ran what, also where a process id came again", () => {
  const { roots } = processTree(FACTS);
  const [sshd] = roots;
  const [bash] = sshd?.children ?? [];
  const [shell, again] = bash?.children ?? [];
  assert.deepEqual([roots.length, shell?.ended?.signal, shell?.connects.length], [1, 9, 2]);
  assert.deepEqual(
    shell?.children.map((child) => child.run.errno),
    [2],
  );
  assert.deepEqual([again?.run.path, again?.ended, again?.connects], ["again", undefined, []]);
  assert.deepEqual(processCounts(FACTS), { runs: 3 + 5, failed: 1, connects: 2 + 6 });
});

test("a process that runs a thousand programs in its own place, one after the other, is no deep tree to tell", () => {
  const chain = Array.from({ length: 3000 }, (_, index) => run(100 + index, 99 + index, "next"));
  const lines = told(chain, true);
  assert.ok(lines.length > 900 && lines.length < 1100);
});

test("events hold to the schema; the SSH server's own doing makes none", () => {
  const events = FACTS.flatMap((fact) => processEvents(fact));
  assert.deepEqual(
    events.map(({ eventid }) => eventid.slice("cowrie.process.".length)),
    ["exec", "exec", "connect", "connect", "exec", "exec", "more"],
  );
  const common = { timestamp: "2026-11-23T02:15:37.223438Z", session: "0123456789ab", mitsubako_sequence: 0 };
  const host = {
    src_ip: "192.0.2.1",
    src_port: 1,
    dst_ip: "192.0.2.2",
    dst_port: 22,
    protocol: "ssh",
    sensor: "s",
    uuid: "u",
  };
  for (const event of events) assert.deepEqual(faults({ ...common, ...host, ...event }), []);
});

test("a story tells it in a line, in full as a tree, and nothing of an attacker's reaches the terminal as it is", () => {
  assert.deepEqual(told(FACTS, false), [
    "What the kernel saw: 8 programs run, 1 that could not be run, 8 connects (--full has the tree)",
  ]);
  assert.deepEqual(told(FACTS, true).slice(1), [
    "  -bash",
    "    sh \\x1b[2Jnot\\x0athis (killed by signal 9)",
    "      → 203.0.113.5:80 (error 111) ×2",
    "      /no [uid 33] (not run: error 2)",
    "    again",
  ]);
});

function told(facts: readonly ProcessFact[], full: boolean): string[] {
  const observations = facts.map((fact) => ({ ...fact, entry: 0, at: 0n }));
  const session = { evidence: { observations }, unattended: [], recording: { session: "0123456789ab" } };
  return ran(session as unknown as SessionWhole, { now: 0, full });
}

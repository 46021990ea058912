/** Whose a process is, by its number on the machine, asked when all that was done before has been told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import { RECORD, RECORD_KINDS, type RecordKind } from "../../gateway/model/process-records.ts";
import { MOST_QUESTIONS, type FromWatcher } from "../../gateway/model/watcher-messages.ts";
import { Questions } from "../../gateway/warden/watch/questions.ts";
import { parseWatcherMessage } from "../../gateway/warden/watch/messages.ts";
import { ProcessMemory } from "../../gateway/watcher/process-memory.ts";
import { Watcher } from "../../gateway/watcher/watcher.ts";

const NAMESPACE = 4_026_531_836;
const SSHD = 7;
const CLIENT = { address: "192.0.2.1", port: 4001 };
const bytes = (text: string) => toByteString(Buffer.from(text, "latin1"));

interface Fields {
  readonly pid: number;
  readonly process: number;
  /** Microseconds. */
  readonly at: number;
  readonly parent?: number;
  readonly argv?: readonly string[];
}

function record(kind: RecordKind, { pid, process, at, parent = 0, argv = [] }: Fields): Buffer {
  const head = Buffer.alloc(kind === "accepted" ? RECORD.address + RECORD.acceptedAddress : RECORD.path);
  head.writeUInt32LE(RECORD_KINDS[kind], RECORD.kind);
  head.writeUInt32LE(NAMESPACE, RECORD.namespace);
  head.writeBigUInt64LE(BigInt(at) * 1000n, RECORD.time);
  head.writeUInt32LE(process, RECORD.process);
  head.writeUInt32LE(pid, RECORD.inside);
  head.writeUInt32LE(parent, RECORD.parent);
  // It leads a session of the kernel's.
  head.writeUInt32LE(pid, RECORD.leader);
  if (kind === "accepted") Buffer.from([2, 0, 15, 161, 192, 0, 2, 1]).copy(head, RECORD.address);
  const [path = ""] = argv;
  head.writeUInt32LE(path.length + 1, RECORD.pathSize);
  const texts = Buffer.from([path, ...argv].map((text) => `${text}\0`).join(""), "latin1");
  if (kind === "executed") head.writeUInt32LE(texts.length - path.length - 1, RECORD.argumentsSize);
  return sized(kind === "executed" ? Buffer.concat([head, texts]) : head);
}

function mark(number: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(RECORD_KINDS.marked);
  bytes.writeUInt32LE(NAMESPACE, RECORD.namespace);
  bytes.writeBigUInt64LE(BigInt(number), RECORD.time);
  return sized(bytes);
}

function sized(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** A login whose shell, 900 on the machine, starts another, 901, that runs a script and ends. */
const SESSION = Buffer.concat([
  record("accepted", { pid: SSHD, process: 800, at: 10 }),
  record("forked", { pid: 20, process: 850, at: 11, parent: SSHD }),
  record("forked", { pid: 21, process: 900, at: 12, parent: 20 }),
  record("executed", { pid: 21, process: 900, at: 13, parent: 20, argv: ["-bash"] }),
  record("forked", { pid: 22, process: 901, at: 14, parent: 21 }),
  record("executed", { pid: 22, process: 901, at: 15, parent: 21, argv: ["sh", "./x"] }),
  record("exited", { pid: 22, process: 901, at: 16 }),
]);

const ASKED = [
  { process: 900, before: 100 },
  { process: 901, before: 100, file: bytes("/tmp/x") },
  { process: 901, before: 100, file: bytes("/tmp/y") },
  // One of that number began later only: it was another.
  { process: 901, before: 13 },
  { process: 902, before: 100 },
];

function watcher() {
  const said: FromWatcher[] = [];
  const watcher = new Watcher((message) => said.push(message));
  watcher.hear({ kind: "configure", root: 0 });
  said.length = 0;
  return { watcher, said };
}

test("the answer comes behind all that was told before, whichever half of the question comes first", () => {
  for (const first of ["question", "mark"]) {
    const { watcher: one, said } = watcher();
    const ask = () => {
      one.hear({ kind: "ask", number: 5, namespace: NAMESPACE, processes: ASKED });
    };
    if (first === "question") ask();
    assert.ok(one.take(Buffer.concat([SESSION, mark(5)])));
    if (first === "mark") ask();
    assert.deepEqual([...new Set(said.map(({ kind }) => kind))], ["facts", "answer"]);
    const answer = said.at(-1);
    assert.deepEqual(answer, {
      kind: "answer",
      number: 5,
      processes: [
        { client: CLIENT, ranFile: false },
        { client: CLIENT, ranFile: true },
        { client: CLIENT, ranFile: false },
        undefined,
        undefined,
      ],
    });
    assert.deepEqual(parseWatcherMessage(answer), answer, "and passes the warden's check");
  }
});

test("a program that has only a descriptor is told of, with whose it is", () => {
  const { watcher: one, said } = watcher();
  const run = { pid: 22, process: 902, at: 20, parent: 21 };
  const argv = ["/dev/fd/3", "[kworker]"];
  one.take(Buffer.concat([SESSION, record("forked", run), record("executed", { ...run, argv })]));
  const [program] = said.filter(({ kind }) => kind === "unnamed");
  assert.deepEqual(program?.kind === "unnamed" && [program.client, program.program.process], [CLIENT, 902]);
  assert.deepEqual(parseWatcherMessage(program), program);
});

test("questions and marks without the other half, and processes that ended, are forgotten in the end", () => {
  const { watcher: one, said } = watcher();
  for (let number = 1; number <= MOST_QUESTIONS + 1; number++)
    one.hear({ kind: "ask", number, namespace: NAMESPACE, processes: [] });
  one.take(Buffer.concat([mark(1), mark(2)]));
  assert.deepEqual(
    said.map((message) => message.kind === "answer" && message.number),
    [2],
  );
  const memory = new ProcessMemory<string>();
  for (let process = 1; process <= 10_000; process++) {
    memory.began(process, 1n, "somebody");
    memory.ended(process);
  }
  assert.equal(memory.find(1, 9n), undefined);
  assert.equal(memory.find(10_000, 9n)?.owner, "somebody");
});

test("who asks is never left waiting: no answer in time, nobody there, whoever was asked died", async () => {
  assert.equal(await new Questions(1).ask(() => true), undefined);
  const questions = new Questions(60_000);
  assert.equal(await questions.ask(() => false), undefined);
  const waiting = [questions.ask(() => true), questions.ask(() => true)];
  questions.answered(2, [undefined]);
  questions.answered(77, []);
  assert.deepEqual(await waiting[0], [undefined]);
  questions.abandon();
  assert.equal(await waiting[1], undefined);
});

import type { FromWatcher, ToWatcher } from "../model/watcher-messages.ts";
import { MOST_FACTS_AT_ONCE, MOST_QUESTIONS } from "../model/watcher-messages.ts";
import { decodeRecord } from "./decode.ts";
import { RecordReader } from "./record-reader.ts";
import { SandboxProcesses } from "./sandbox-processes.ts";
import { WallClock } from "./wall-clock.ts";

type Question = ToWatcher & { kind: "ask" };

/** A slot has fewer sandboxes. */
const MOST_SANDBOXES = 4096;
/** Milliseconds between two problems of the same kind. */
const COMPLAIN = 10_000;

/** Tells, out of the kernel's records, what the processes of each sandbox did. */
export class Watcher {
  readonly #say: (message: FromWatcher) => void;
  readonly #reader = new RecordReader();
  readonly #sandboxes = new Map<number, SandboxProcesses>();
  #root = 0;
  #lost = 0;
  #overBudget = 0;
  #complained = -Infinity;
  readonly #clock = new WallClock();
  /** The two halves of a question come by two ways, in any order. */
  readonly #asked = new Map<number, Question>();
  readonly #marked = new Set<number>();

  constructor(say: (message: FromWatcher) => void) {
    this.#say = say;
  }

  hear(message: ToWatcher): void {
    switch (message.kind) {
      case "configure":
        this.#root = message.root;
        this.#say({ kind: "ready" });
        break;
      case "leave":
        this.#sandboxes.delete(message.namespace);
        break;
      case "ask":
        if (this.#marked.delete(message.number)) this.#answer(message);
        else this.#asked.set(message.number, message);
        dropOldest(this.#asked);
        break;
      default:
        message satisfies never;
    }
  }

  /** False: what comes are no records, and never will be again. */
  take(chunk: Buffer): boolean {
    const records = this.#reader.take(chunk);
    if (records === undefined) return false;
    this.#clock.look();
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (record === undefined) return false;
      if (record.kind === "lost") {
        this.#lost += record.records;
        this.#overBudget += record.overBudget;
      } else if (record.kind === "marked") this.#mark(record.number);
      else this.#of(record.namespace)?.take(record);
    }
    this.tell();
    return true;
  }

  /** To be called now and then, so that counts come also when nothing else does. */
  tell(): void {
    for (const [namespace, sandbox] of this.#sandboxes) this.#tellOf(namespace, sandbox);
    this.#complain();
  }

  #tellOf(namespace: number, sandbox: SandboxProcesses, all = false): void {
    for (const { client, facts } of sandbox.flush(Date.now() * 1000, all))
      for (let at = 0; at < facts.length; at += MOST_FACTS_AT_ONCE)
        this.#say({ kind: "facts", namespace, client, facts: facts.slice(at, at + MOST_FACTS_AT_ONCE) });
    for (const { client, program } of sandbox.takeUnnamed())
      this.#say({ kind: "unnamed", namespace, client, program });
  }

  #mark(number: number): void {
    const question = this.#asked.get(number);
    if (this.#asked.delete(number) && question !== undefined) this.#answer(question);
    else this.#marked.add(number);
    dropOldest(this.#marked);
  }

  /** All that came before is told first. */
  #answer({ number, namespace, processes }: Question): void {
    const sandbox = this.#sandboxes.get(namespace);
    if (sandbox !== undefined) this.#tellOf(namespace, sandbox, true);
    this.#say({ kind: "answer", number, processes: processes.map((one) => sandbox?.find(one)) });
  }

  #of(namespace: number): SandboxProcesses | undefined {
    const known = this.#sandboxes.get(namespace);
    if (known !== undefined || this.#sandboxes.size >= MOST_SANDBOXES) return known;
    const sandbox = new SandboxProcesses(this.#root, (time) => this.#clock.at(time));
    this.#sandboxes.set(namespace, sandbox);
    return sandbox;
  }

  #complain(): void {
    if (this.#lost + this.#overBudget === 0 || performance.now() - this.#complained < COMPLAIN) return;
    this.#complained = performance.now();
    const [lost, over] = [this.#lost, this.#overBudget];
    this.#lost = this.#overBudget = 0;
    this.#say({
      kind: "problem",
      message: `not all that processes did was seen: ${lost} records were lost, ${over} were more than is taken of one sandbox in a second`,
    });
  }
}

function dropOldest(questions: Map<number, unknown> | Set<number>): void {
  if (questions.size > MOST_QUESTIONS)
    for (const oldest of questions.keys()) return void questions.delete(oldest);
}

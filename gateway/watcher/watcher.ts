import type { FromWatcher, ToWatcher } from "../model/watcher-messages.ts";
import { MOST_FACTS_AT_ONCE } from "../model/watcher-messages.ts";
import { decodeRecord } from "./decode.ts";
import { RecordReader } from "./record-reader.ts";
import { SandboxProcesses } from "./sandbox-processes.ts";
import { WallClock } from "./wall-clock.ts";

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

  constructor(say: (message: FromWatcher) => void) {
    this.#say = say;
  }

  hear(message: ToWatcher): void {
    if (message.kind === "configure") {
      this.#root = message.root;
      this.#say({ kind: "ready" });
    } else this.#sandboxes.delete(message.namespace);
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
      } else this.#of(record.namespace)?.take(record);
    }
    this.tell();
    return true;
  }

  /** To be called now and then, so that counts come also when nothing else does. */
  tell(): void {
    const now = Date.now() * 1000;
    for (const [namespace, sandbox] of this.#sandboxes)
      for (const { client, facts } of sandbox.flush(now))
        for (let at = 0; at < facts.length; at += MOST_FACTS_AT_ONCE)
          this.#say({ kind: "facts", namespace, client, facts: facts.slice(at, at + MOST_FACTS_AT_ONCE) });
    this.#complain();
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

/** A spool and its courier, as the warden starts it, but for the confinement; that is tried with a gateway. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { SpoolSink } from "../../gateway/events/sink-spool.ts";
import { policySchema } from "../../gateway/model/policy.ts";
import { COURIER_FOLDER, SPOOL_FOLDER } from "../../gateway/model/spool.ts";
import { Courier } from "../../gateway/warden/courier.ts";
import { courierTask, type CourierTask, type WebhookPolicy } from "../../gateway/warden/courier-task.ts";

const MAIN = join(import.meta.dirname, "..", "..", "gateway", "courier", "main.ts");
export const UUID = "5f1c1c0e-2a6b-11f1-9d6e-0242ac120002";

/** Quick to try again, and to send what is there. */
export function webhook(url: string, more: Record<string, unknown> = {}): WebhookPolicy {
  const quick = { retry: { first: "100ms", most: "200ms" }, batch: { wait: "0s" }, timeout: "10s" };
  const { events } = policySchema.parse({ events: { webhook: { url, ...quick, ...more } } });
  if (events.webhook === undefined) throw new Error("no webhook");
  return events.webhook;
}

export function events(first: number, count: number, session = "0a1b2c3d4e5f"): CowrieEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    eventid: "cowrie.command.input",
    timestamp: "2026-11-23T02:15:37.223438Z",
    session,
    mitsubako_sequence: first + index,
    input: `echo ",\n[]" # ${"x".repeat(80)}`,
  }));
}

export function sequences(some: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  return some.map((event) => event["mitsubako_sequence"]);
}

/** Waits until that is so, looking every 20 ms. */
export async function eventually(what: string, isSo: () => boolean, within = 60_000): Promise<void> {
  const until = performance.now() + within;
  while (!isSo()) {
    if (performance.now() > until) throw new Error(`${what}: not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class Spool {
  /** A data folder. */
  readonly data: string;
  readonly said: string[] = [];
  readonly problems: string[] = [];
  /** Couriers, ever. */
  started = 0;
  readonly courier: Courier;
  readonly #log: string[] = [];

  constructor(t: TestContext) {
    const data = mkdtempSync(join(tmpdir(), "mitsubako-test-spool-"));
    this.data = data;
    for (const folder of [this.spool, this.cursor]) mkdirSync(folder, { recursive: true });
    const log = pino({ level: "info" }, { write: (line) => void this.#log.push(line) });
    this.courier = new Courier({ spawn: () => this.#spawn(), log });
    t.after(async () => {
      await this.courier.configure(undefined);
      rmSync(data, { recursive: true, force: true });
    });
  }

  get spool(): string {
    return join(this.data, SPOOL_FOLDER);
  }

  get cursor(): string {
    return join(this.data, COURIER_FOLDER);
  }

  get log(): string {
    return this.#log.join("");
  }

  get segments(): number {
    return readdirSync(this.spool).filter((name) => name.endsWith(".jsonl")).length;
  }

  sink(policy: WebhookPolicy): SpoolSink {
    return new SpoolSink({ spool: this.spool, courier: this.cursor }, policy, (problem) => {
      this.problems.push(problem);
    });
  }

  async task(policy: WebhookPolicy): Promise<CourierTask> {
    const task = await courierTask(policy, { sensor: "lab", uuid: UUID });
    const folders = { spool: this.spool, courier: this.cursor };
    return { ...task, configuration: { ...task.configuration, folders } };
  }

  async send(policy: WebhookPolicy): Promise<void> {
    await this.courier.configure(await this.task(policy));
  }

  async #spawn() {
    this.started++;
    const code = join(MAIN, "..", "..");
    const child = fork(MAIN, {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [
        "--permission",
        `--allow-fs-read=${code}/`,
        `--allow-fs-read=${this.spool}`,
        `--allow-fs-read=${this.cursor}`,
        `--allow-fs-write=${this.cursor}`,
      ],
    });
    await once(child, "spawn");
    return child;
  }
}

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Logger } from "pino";
import { escapeText } from "../model/bytes.ts";
import type { CourierTally, FromCourier, ToCourier } from "../model/courier-messages.ts";
import { connectTo } from "./courier-connection.ts";
import type { CourierTask } from "./courier-task.ts";

export interface CourierOptions {
  readonly spawn: () => Promise<ChildProcess>;
  readonly log: Logger;
}

/** A dead courier is started again after this many milliseconds; its events wait in the spool. */
const RESTART_PAUSE = 1000;
/** How long it may take to send what is there when the gateway stops. */
const DRAIN_DEADLINE = 5000;
/** Between two connections, in milliseconds: a captured courier cannot keep us busy. */
const CONNECTION_PAUSE = 20;

/**
 * The warden's end of the courier: keeps one running while the policy has a webhook, and connects it to the receiver. It talks with a
 * machine elsewhere, so it is believed in nothing but numbers and words for the log.
 */
export class Courier {
  readonly #options: CourierOptions;
  #task: CourierTask | undefined;
  #child: ChildProcess | undefined;
  #tally: CourierTally = { sent: 0, failed: 0, refused: 0 };
  #stopped = false;
  #launching: Promise<void> | undefined;
  #restarting: NodeJS.Timeout | undefined;
  /** One connection at a time: a name that nobody answers for keeps a thread of ours. */
  #isConnecting = false;
  #asked: { readonly child: ChildProcess; readonly ask: number } | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Undefined: there is no webhook. */
  get tally(): CourierTally | undefined {
    return this.#task === undefined ? undefined : this.#tally;
  }

  /** Starts, changes or ends it. Undefined: the policy has no webhook. What waits in the spool stays there. */
  async configure(task: CourierTask | undefined): Promise<void> {
    const before = this.#task;
    this.#task = task;
    if (task === undefined) this.#child?.kill("SIGKILL");
    else if (this.#child === undefined) await this.#launch();
    else if (JSON.stringify(task) !== JSON.stringify(before)) this.#configure(this.#child, task);
  }

  /** Lets it send what is there once; what is not taken waits for the next start. */
  async drain(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restarting);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    this.#tell(child, { kind: "drain" });
    const timer = setTimeout(() => child.kill("SIGKILL"), DRAIN_DEADLINE);
    await gone;
    clearTimeout(timer);
  }

  /** One at a time, whoever wants it. */
  #launch(): Promise<void> {
    this.#launching ??= this.#startOne().finally(() => {
      this.#launching = undefined;
    });
    return this.#launching;
  }

  async #startOne(): Promise<void> {
    const child = await this.#options.spawn();
    this.#child = child;
    child.on("message", (raw) => {
      this.#heard(child, raw as Partial<FromCourier> | null);
    });
    child.once("exit", (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      if (this.#stopped || this.#task === undefined) return;
      this.#options.log.error(
        { code, signal },
        "the courier died; starting it again, it goes on where it was",
      );
      this.#restart();
    });
    // It may not be wanted any more.
    if (this.#task === undefined || this.#stopped) child.kill("SIGKILL");
    else this.#configure(child, this.#task);
  }

  #restart(): void {
    clearTimeout(this.#restarting);
    this.#restarting = setTimeout(() => {
      if (this.#stopped || this.#task === undefined || this.#child !== undefined) return;
      this.#launch().catch((error: unknown) => {
        this.#options.log.error({ err: error }, "the courier could not be started");
        this.#restart();
      });
    }, RESTART_PAUSE);
  }

  #configure(child: ChildProcess, { configuration }: CourierTask): void {
    this.#tell(child, { kind: "configure", configuration });
  }

  #tell(child: ChildProcess, message: ToCourier): void {
    if (child.connected) child.send(message, () => undefined);
  }

  #heard(child: ChildProcess, message: Partial<FromCourier> | null): void {
    const { log } = this.#options;
    switch (message?.kind) {
      case "connect":
        if (!isCount(message.ask)) break;
        this.#asked = { child, ask: message.ask };
        void this.#connect();
        break;
      case "tally": {
        const { sent, failed, refused } = message;
        if (isCount(sent) && isCount(failed) && isCount(refused)) this.#tally = { sent, failed, refused };
        break;
      }
      case "problem":
        if (typeof message.message === "string") log.warn(`the webhook: ${shown(message.message)}`);
        break;
      case "recovered":
        if (typeof message.message === "string") log.info(`the webhook: ${shown(message.message)}`);
        break;
      case "ready":
      case undefined:
        break;
      default:
        message satisfies never;
    }
  }

  /** One after the other, each for the last that asked. */
  async #connect(): Promise<void> {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    while (this.#asked !== undefined && this.#task !== undefined) {
      const { child, ask } = this.#asked;
      this.#asked = undefined;
      await this.#handOver(child, ask, this.#task);
      await new Promise((resolve) => setTimeout(resolve, CONNECTION_PAUSE));
    }
    this.#isConnecting = false;
  }

  async #handOver(child: ChildProcess, ask: number, { receiver, timeout }: CourierTask): Promise<void> {
    try {
      const socket = await connectTo(receiver, timeout);
      if (child.connected)
        child.send({ kind: "connected", ask } satisfies ToCourier, socket, () => undefined);
      else socket.destroy();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#tell(child, { kind: "not-connected", ask, why });
    }
  }
}

function shown(text: string): string {
  return escapeText(text.slice(0, 500));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

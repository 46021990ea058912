import { join } from "node:path";
import type { Logger } from "pino";
import type { Policy } from "../model/policy.ts";
import { COURIER_FOLDER, SPOOL_FOLDER } from "../model/spool.ts";
import { spawnConfined } from "./confine.ts";
import { Courier } from "./courier.ts";
import { courierTask, type CourierTask } from "./courier-task.ts";

const CODE_ROOT = join(import.meta.dirname, "..", "..");

export interface WebhookOptions {
  readonly slot: number;
  /** The data folder. */
  readonly data: string;
  readonly policy: () => Policy["events"]["webhook"];
  readonly sensor: string;
  readonly uuid: string;
  readonly log: Logger;
}

/** What the archivist says of the spool. */
export interface Spooled {
  readonly bytes: number;
  readonly dropped: number;
}

/** Events on their way to the policy's receiver, as far as the warden has a part in it. */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #courier: Courier;
  #spooled: Spooled = { bytes: 0, dropped: 0 };

  constructor(options: WebhookOptions) {
    const { slot, data, log } = options;
    this.#options = options;
    this.#courier = new Courier({
      spawn: () =>
        spawnConfined({
          role: "courier",
          slot,
          entry: "gateway/courier/main.ts",
          codeRoot: CODE_ROOT,
          folders: [
            { host: join(data, SPOOL_FOLDER), name: "spool", writable: false },
            { host: join(data, COURIER_FOLDER), name: "cursor", writable: true },
          ],
          nodeFlags: ["--max-old-space-size=256"],
        }),
      log,
    });
  }

  get courierPid(): number | undefined {
    return this.#courier.pid;
  }

  /** @throws MitsubakoError `webhook-unusable`. */
  async start(): Promise<void> {
    await this.#courier.configure(await this.#task());
  }

  /** Also where the policy is the same: the files that it names may be others. What cannot be used leaves all as it was. */
  async policyChanged(): Promise<void> {
    try {
      await this.#courier.configure(await this.#task());
    } catch (error) {
      this.#options.log.error({ err: error }, "the webhook goes on as before");
    }
  }

  spooled(spooled: Spooled): void {
    this.#spooled = spooled;
  }

  drain(): Promise<void> {
    return this.#courier.drain();
  }

  /** In Prometheus' text format; nothing while there is no webhook. */
  metrics(): string {
    const { tally } = this.#courier;
    if (tally === undefined) return "";
    const { slot } = this.#options;
    const lines = [
      ["sent_events_total", "counter", "Events that the webhook's receiver took.", tally.sent],
      [
        "failed_requests_total",
        "counter",
        "Requests that it did not take; they are sent again.",
        tally.failed,
      ],
      ["refused_events_total", "counter", "Events that are too large for it.", tally.refused],
      ["dropped_events_total", "counter", "Events that the spool had no room for.", this.#spooled.dropped],
      ["spool_bytes", "gauge", "Bytes of events that wait.", this.#spooled.bytes],
    ] as const;
    return lines
      .map(
        ([name, type, help, value]) =>
          `# HELP mitsubako_webhook_${name} ${help}\n# TYPE mitsubako_webhook_${name} ${type}\n` +
          `mitsubako_webhook_${name}{slot="${slot}"} ${value}\n`,
      )
      .join("");
  }

  async #task(): Promise<CourierTask | undefined> {
    const { policy, sensor, uuid } = this.#options;
    const webhook = policy();
    return webhook === undefined ? undefined : courierTask(webhook, { sensor, uuid });
  }
}

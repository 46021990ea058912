import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { PolicyNews } from "../model/archivist-messages.ts";
import { POLICY_HISTORY_FILE, STATUS_EVERY, STATUS_FILE, STATUS_LOOK } from "../model/gateway-status.ts";
import type { GatewayStatus, PolicyHistoryEntry } from "../model/gateway-status.ts";
import type { LoadedPolicy } from "../model/policy.ts";

export interface StatusOptions {
  /** The data folder. */
  readonly data: string;
  /** What changes by itself. */
  readonly facts: () => Pick<
    GatewayStatus,
    "slot" | "listening" | "shut" | "sandboxes" | "personas" | "sessions"
  >;
  /** A policy came into force, or was refused. */
  readonly onNews: (news: PolicyNews) => void;
  readonly log: Logger;
}

/** Tells operators how the gateway is, by files: which policy is in force, since when, and what was refused. */
export class Status implements Disposable {
  readonly #options: StatusOptions;
  readonly #started = now();
  readonly #timer: NodeJS.Timeout;
  #policy: GatewayStatus["policy"];
  /** What changes by itself, as it was written last, and when that was. */
  #written = { facts: "", at: 0 };
  #refused: GatewayStatus["refused"];

  /** Writes nothing before it is begun. */
  constructor(options: StatusOptions, policy: LoadedPolicy) {
    this.#options = options;
    this.#policy = inForce(policy, this.#started);
    this.#timer = setInterval(() => {
      this.#look();
    }, STATUS_LOOK);
    this.#timer.unref();
    this.#remember({ at: this.#started, outcome: "start", policy: policy.path, hash: policy.hash });
  }

  /** @param changes as they are shown. */
  changed(policy: LoadedPolicy, changes: readonly string[]): void {
    const at = now();
    this.#policy = inForce(policy, at);
    this.#refused = undefined;
    this.#remember({ at, outcome: "changed", hash: policy.hash, changes });
    this.#options.onNews({ at, outcome: "changed", hash: policy.hash, changes });
  }

  refused(message: string): void {
    this.#refused = { at: now(), message };
    this.#remember({ ...this.#refused, outcome: "refused" });
    const { at } = this.#refused;
    this.#options.onNews({ at, outcome: "refused", hash: this.#policy.hash, reasons: message.split("\n") });
  }

  /** The file is again the policy in force. */
  putRight(): void {
    this.#refused = undefined;
    this.#write();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#write({ stopped: now() });
  }

  #look(): void {
    const isOld = performance.now() - this.#written.at >= STATUS_EVERY;
    if (isOld || JSON.stringify(this.#options.facts()) !== this.#written.facts) this.#write();
  }

  #remember(entry: PolicyHistoryEntry): void {
    this.#try(() => {
      appendFileSync(join(this.#options.data, POLICY_HISTORY_FILE), `${JSON.stringify(entry)}\n`, {
        mode: 0o600,
      });
    });
    this.#write();
  }

  #write(more: Pick<GatewayStatus, "stopped"> | object = {}): void {
    const refused = this.#refused === undefined ? {} : { refused: this.#refused };
    const facts = this.#options.facts();
    this.#written = { facts: JSON.stringify(facts), at: performance.now() };
    const status: GatewayStatus = {
      ...{ at: now(), started: this.#started, ...more, pid: process.pid },
      ...{ policy: this.#policy, ...refused, ...facts },
    };
    const path = join(this.#options.data, STATUS_FILE);
    this.#try(() => {
      writeFileSync(`${path}.new`, `${JSON.stringify(status, undefined, 2)}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    });
  }

  /** A full disk must not end a gateway; it is told of elsewhere too. */
  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.log.error({ err: error }, "the gateway's status could not be written");
    }
  }
}

function inForce({ path, bases, hash, policy }: LoadedPolicy, since: string): GatewayStatus["policy"] {
  return { path, bases, hash, since, most: policy.sandbox.most };
}

function now(): string {
  return new Date().toISOString();
}

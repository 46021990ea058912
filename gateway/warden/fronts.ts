import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import type { Endpoint } from "../model/endpoint.ts";
import type {
  FrontConfiguration,
  FrontNotice,
  FrontRequest,
  ToFront,
  WardenNotice,
} from "../model/front-messages.ts";
import { MitsubakoError } from "../model/errors.ts";
import { openListener } from "./listeners.ts";
import { parseFrontMessage, requestIdOf } from "./messages.ts";
import { passOn } from "./pass-on.ts";

export interface FrontsOptions {
  readonly count: number;
  readonly addresses: readonly Endpoint[];
  readonly configuration: () => FrontConfiguration;
  readonly spawn: (index: number) => Promise<ChildProcess>;
  readonly answer: (front: number, request: FrontRequest) => Promise<unknown>;
  readonly heard: (front: number, notice: FrontNotice) => void;
  /** All that the front held is over. */
  readonly gone: (front: number) => void;
  readonly log: Logger;
}

/** A front that dies again within this many milliseconds is started again only after as long a wait. */
const RESTART_PAUSE = 1000;
/** Envelopes that break the contract before a front is taken for captured and ended. */
const MOST_BAD_MESSAGES = 8;

/** Starts the fronts, hands them their sockets, answers them, and restarts those that die. */
export class Fronts {
  readonly #options: FrontsOptions;
  readonly #children = new Map<number, ChildProcess>();
  /** Starts that are under way. */
  readonly #launches = new Set<Promise<void>>();
  #draining = false;

  constructor(options: FrontsOptions) {
    this.#options = options;
  }

  /** Resolves when every front listens. */
  async start(): Promise<void> {
    try {
      await Promise.all(Array.from({ length: this.#options.count }, (_, index) => this.#launch(index)));
    } catch (error) {
      await this.drain(0);
      throw error;
    }
  }

  get pids(): number[] {
    return [...this.#children.values()].flatMap((child) => child.pid ?? []);
  }

  tell(front: number, notice: WardenNotice): void {
    const child = this.#children.get(front);
    if (child) send(child, { type: "notice", notice });
  }

  tellAll(notice: WardenNotice): void {
    for (const front of this.#children.keys()) this.tell(front, notice);
  }

  /** Lets the fronts finish, and ends those that do not within `within` milliseconds and two seconds' grace. */
  async drain(within: number): Promise<void> {
    this.#draining = true;
    const gone = [...this.#children.values()].map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) {
            resolve();
            return;
          }
          child.once("exit", () => {
            resolve();
          });
          setTimeout(() => child.kill("SIGKILL"), within + 2000).unref();
        }),
    );
    this.tellAll({ kind: "drain", within });
    // One that is only now being spawned ends as soon as it is there, or it would stay, and we with it.
    await Promise.all([...gone, ...[...this.#launches].map((launch) => launch.catch(() => undefined))]);
  }

  #launch(index: number): Promise<void> {
    const launch = this.#startOne(index).finally(() => this.#launches.delete(launch));
    this.#launches.add(launch);
    return launch;
  }

  async #startOne(index: number): Promise<void> {
    const startedAt = Date.now();
    const child = await this.#options.spawn(index).catch((cause: unknown) => {
      throw new NotSpawned("a front could not be spawned", { cause });
    });
    this.#children.set(index, child);
    let badMessages = 0;
    const ready = new Promise<void>((resolve, reject) => {
      child.on("message", (raw) => {
        const message = parseFrontMessage(raw);
        if (!message) {
          this.#options.log.error({ front: index }, "a front sent what no front of ours sends");
          const id = requestIdOf(raw);
          // Whatever session asked ends with it, instead of waiting for ever.
          if (id !== undefined) send(child, { type: "failed", id, message: "the question was void" });
          if (++badMessages >= MOST_BAD_MESSAGES) child.kill("SIGKILL");
        } else if (message.type === "request") {
          void this.#answer(child, index, message.id, message.request);
        } else if (message.notice.kind === "ready") {
          resolve();
        } else {
          this.#options.heard(index, message.notice);
        }
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        reject(new Error(`front ${index} ended (${signal ?? code ?? "?"}) before it was ready`));
        this.#children.delete(index);
        this.#options.gone(index);
        if (this.#draining) return;
        this.#options.log.error(
          { front: index, code, signal },
          "a front died; its sessions are over, starting it again",
        );
        this.#restart(index, Date.now() - startedAt < RESTART_PAUSE ? RESTART_PAUSE : 0);
      });
    });
    // One that ends while its sockets are being opened is told of below, not by the end of the gateway.
    ready.catch(() => undefined);
    if (this.#draining) {
      child.kill("SIGKILL");
      await ready;
    }
    this.tell(index, { kind: "configure", configuration: this.#options.configuration() });
    for (const address of this.#options.addresses) {
      const server = await openListener(address, (socket) => {
        passOn(child, socket);
      });
      await new Promise<void>((resolve) => {
        child.send({ type: "notice", notice: { kind: "listen" } } satisfies ToFront, server, () => {
          resolve();
        });
      });
      // The front has its own descriptor now.
      server.close();
    }
    await ready;
  }

  #restart(index: number, pause: number): void {
    setTimeout(() => {
      if (this.#draining) return;
      this.#launch(index).catch((error: unknown) => {
        if (this.#draining) return;
        this.#options.log.error({ err: error, front: index }, "a front could not be started");
        // A child that was spawned has its exit handler, which tries again by itself: one without its sockets is of no use.
        if (error instanceof NotSpawned) this.#restart(index, RESTART_PAUSE);
        else this.#children.get(index)?.kill("SIGKILL");
      });
    }, pause);
  }

  async #answer(child: ChildProcess, front: number, id: number, request: FrontRequest): Promise<void> {
    let message: ToFront;
    try {
      message = { type: "reply", id, reply: await this.#options.answer(front, request) };
    } catch (error) {
      // A client that leaves in the middle of a login is nothing to wake anybody for.
      const level = error instanceof MitsubakoError && error.code === "not-found" ? "debug" : "error";
      this.#options.log[level](
        { err: error, front, request: request.kind },
        "a front's question could not be answered",
      );
      message = { type: "failed", id, message: "the warden could not answer" };
    }
    send(child, message);
  }
}

function send(child: ChildProcess, message: ToFront): void {
  if (child.connected) child.send(message, () => undefined);
}

class NotSpawned extends Error {}

import type { Logger } from "pino";
import { join } from "node:path";
import type { Fence } from "../firewall/fence.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { FrontConfiguration, FrontNotice } from "../model/front-messages.ts";
import type { SessionId } from "../model/ids.ts";
import type { HostKeyFile, Persona } from "../model/persona.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { ARCHIVIST_INDEX, childUid } from "../model/slot.ts";
import { AttemptMemory } from "../policy/attempts.ts";
import { showChange } from "../policy/changes.ts";
import { timingSecret } from "../policy/delay.ts";
import { dropsStart } from "../policy/starts.ts";
import type { PolicyUpdate } from "../policy/watch.ts";
import { keepSynced } from "../recording/sync.ts";
import type { Engine } from "../sandbox/docker.ts";
import { startPool, type Pool } from "../sandbox/pool.ts";
import { Answers } from "./answers.ts";
import { Archivist } from "./archivist.ts";
import { spawnConfined } from "./confine.ts";
import type { DataFolder } from "./data-folder.ts";
import { Fronts } from "./fronts.ts";
import { Gate } from "./gate.ts";
import { Recordings } from "./recordings.ts";
import { LiveSessions, type LiveSession } from "./sessions.ts";

export interface WardenOptions {
  readonly slot: number;
  readonly data: DataFolder;
  readonly engine: Engine;
  readonly fence: Fence;
  readonly persona: Persona;
  readonly hostKeys: readonly HostKeyFile[];
  readonly addresses: readonly Endpoint[];
  readonly policy: LoadedPolicy;
  /** How many fronts. */
  readonly fronts: number;
  readonly sensor: string;
  readonly log: Logger;
}

/** How often the kernel's state is compared with what should be, in milliseconds. */
const FENCE_LOOK = 15_000;
const CODE_ROOT = join(import.meta.dirname, "..", "..");

/** Starts archivist, sandboxes and fronts behind a fence that stands already. */
export async function startWarden(options: WardenOptions): Promise<Warden> {
  const warden = new Warden(options);
  try {
    await warden.start();
    return warden;
  } catch (error) {
    await warden[Symbol.asyncDispose]();
    throw error;
  }
}

/** The process with all the rights, and what it holds. It speaks to no stranger, only to fronts, and believes them nothing. */
export class Warden implements AsyncDisposable {
  readonly #options: WardenOptions;
  readonly #log: Logger;
  readonly #sessions = new LiveSessions();
  readonly #archivist: Archivist;
  readonly #recordings: Recordings;
  readonly #fronts: Fronts;
  #policy: LoadedPolicy;
  #pool: Pool | undefined;
  #answers: Answers | undefined;
  #fenceLook: NodeJS.Timeout | undefined;
  readonly #syncing = new AbortController();

  constructor(options: WardenOptions) {
    const { slot, data, log, addresses } = options;
    this.#options = options;
    this.#log = log;
    this.#policy = options.policy;
    this.#archivist = new Archivist({
      log,
      start: () => ({
        kind: "start",
        dataFolder: "/run/mitsubako/data",
        sensor: options.sensor,
        uuid: data.identity.uuid,
        events: this.#policy.policy.events,
      }),
      spawn: () =>
        spawnConfined({
          role: "archivist",
          slot,
          entry: "gateway/archivist/main.ts",
          codeRoot: CODE_ROOT,
          folders: [{ host: data.path, name: "data", writable: true }],
        }),
    });
    this.#recordings = new Recordings(data.path, childUid(slot, ARCHIVIST_INDEX), this.#archivist, log);
    this.#fronts = new Fronts({
      count: options.fronts,
      addresses,
      log,
      configuration: () => this.#configuration(),
      spawn: (index) =>
        spawnConfined({
          role: "front",
          slot,
          index,
          entry: "gateway/front/main.ts",
          codeRoot: CODE_ROOT,
          folders: [{ host: join(data.path, "live", String(index)), name: "live", writable: true }],
        }),
      answer: (front, request) => {
        if (!this.#answers) throw new Error("a front asked before the warden was ready");
        return this.#answers.answer(front, request);
      },
      heard: (front, notice) => {
        this.#heard(front, notice);
      },
      gone: (front) => {
        for (const session of this.#sessions.ofFront(front)) void this.#over(session);
      },
    });
  }

  async start(): Promise<void> {
    const { slot, data, engine, fence, persona, hostKeys, log } = this.#options;
    await this.#recordings.recover();
    await this.#archivist.start();
    this.#pool = await startPool({
      engine,
      slot,
      network: { subnet: fence.plan.subnet.cidr, gateway: fence.plan.gateway },
      policy: () => this.#policy.policy,
      persona,
      hostKeys,
      artifacts: join(data.path, "artifacts"),
      log,
      // A new container's port is barred from the others' before anybody is let into it.
      onStarted: () => {
        fence.isolate();
        return Promise.resolve();
      },
      onCapture: (capture) => this.#recordings.captured(capture),
      onExpired: (sessions) => {
        for (const session of sessions) this.#endSession(session, "sandbox-deadline");
      },
    });
    this.#answers = new Answers({
      policy: () => this.#policy.policy,
      sessions: this.#sessions,
      gate: new Gate((starting, starts) => dropsStart(starts, starting)),
      pool: this.#pool,
      sources: fence.sources,
      attempts: new AttemptMemory(this.#policy.policy.auth.memory),
      timingSecret: timingSecret(hostKeys.map(({ privateKey }) => privateKey)),
      opened: ({ front, id, startedAt }) => {
        this.#recordings.opened(front, id, startedAt);
      },
      log,
    });
    void keepSynced(join(data.path, "live"), this.#syncing.signal, (error, path) => {
      log.error({ err: error, path }, "a living recording could not be brought to the disk");
    });
    await this.#fronts.start();
    this.#fenceLook = setInterval(() => void this.#lookAtFence(), FENCE_LOOK);
  }

  get frontPids(): number[] {
    return this.#fronts.pids;
  }

  get archivistPid(): number | undefined {
    return this.#archivist.pid;
  }

  /** The policy file was saved, or SIGHUP came. What listens and what lives keeps its ways; all that comes follows the new one. */
  updated(update: PolicyUpdate): void {
    switch (update.outcome) {
      case "same":
        this.#log.info({ policy: update.loaded.hash }, "the policy in force is the file's");
        break;
      case "refused":
        this.#log.error(
          `the policy file was refused, the old policy stays in force: ${update.error.message}`,
        );
        break;
      case "changed":
        this.#policy = update.loaded;
        this.#log.info(
          { policy: update.loaded.hash, changes: update.changes.map(showChange) },
          "a new policy is in force",
        );
        this.#fronts.tellAll({ kind: "configure", configuration: this.#configuration() });
        this.#pool?.policyChanged();
        this.#archivist.tell({ kind: "policy", events: update.loaded.policy.events });
        break;
      default:
        update satisfies never;
    }
  }

  /** Ends sessions within the policy's time, captures and removes sandboxes, lets the archivist finish. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#fenceLook);
    await this.#fronts.drain(this.#policy.policy.deadlines.drain);
    await Promise.all(this.#sessions.all().map((session) => this.#over(session)));
    await this.#pool?.drain();
    await this.#recordings.settled();
    this.#syncing.abort();
    await this.#archivist.drain();
  }

  #configuration(): FrontConfiguration {
    const { persona, hostKeys, sensor } = this.#options;
    const { policy, hash } = this.#policy;
    return {
      sensor,
      policy: hash,
      persona: {
        ...persona,
        ...(policy.auth.methods ? { methods: policy.auth.methods } : {}),
        ...(policy.persona.banner === undefined ? {} : { banner: policy.persona.banner }),
      },
      hostKeys,
      maxTries: policy.auth.maxTries,
      deadlines: {
        login: policy.deadlines.login,
        session: policy.deadlines.session,
        idle: policy.deadlines.idle,
      },
    };
  }

  #heard(front: number, notice: FrontNotice): void {
    if (notice.kind === "ready") return;
    const session = this.#sessions.of(front, notice.session);
    if (!session) return;
    if (notice.kind === "logged-in") session.loggedIn();
    else {
      if (notice.reason === "recording-failed" || notice.reason === "internal-error")
        this.#log.error({ session: session.id, reason: notice.reason }, "a session ended because of us");
      void this.#over(session);
    }
  }

  /** Gives back what the session held and takes its recording over. The recording first: a capture is put beside it. */
  async #over(session: LiveSession): Promise<void> {
    if (!this.#sessions.remove(session.id)) return;
    await this.#recordings.finished(session.front, session.id, session.startedAt);
    await session.giveBack().catch((error: unknown) => {
      this.#log.error({ err: error, session: session.id }, "what a session held could not be given back");
    });
  }

  #endSession(id: SessionId, reason: EndReason): void {
    const session = this.#sessions.get(id);
    if (session) this.#fronts.tell(session.front, { kind: "end-session", session: id, reason });
  }

  async #lookAtFence(): Promise<void> {
    try {
      const faults = await this.#options.fence.check();
      if (faults.length === 0) return;
      this.#log.error({ faults }, "the fence was not as it should be; it is put right");
      await this.#options.fence.repair();
    } catch (error) {
      this.#log.error({ err: error }, "the fence could not be looked at or put right");
    }
  }
}

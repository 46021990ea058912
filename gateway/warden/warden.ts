import type { Logger } from "pino";
import { join } from "node:path";
import type { Fence } from "../firewall/fence.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { FrontConfiguration, FrontNotice } from "../model/front-messages.ts";
import type { PolicyNews, ToArchivist } from "../model/archivist-messages.ts";
import type { SessionId } from "../model/ids.ts";
import { isOver } from "../model/recording-file.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { LoadedPolicy } from "../model/policy.ts";
import { ARCHIVIST_INDEX, childUid, childUids, FILE_WITNESS_INDEX, TAP_INDEX } from "../model/slot.ts";
import { AttemptMemory } from "../policy/attempts.ts";
import { showChange } from "../policy/changes.ts";
import { whenApplied } from "../policy/when-applied.ts";
import { everyPolicy } from "../policy/resolve.ts";
import { dropsStart } from "../policy/starts.ts";
import type { PolicyUpdate } from "../policy/watch.ts";
import { keepSynced } from "../recording/sync.ts";
import type { Engine } from "../sandbox/docker.ts";
import { learnEngine } from "../sandbox/engine-facts.ts";
import { startPool, type Pool } from "../sandbox/pool.ts";
import { Artifacts } from "../sandbox/artifacts.ts";
import { roomForCapture } from "../sandbox/room.ts";
import { Answers } from "./answers.ts";
import { Archivist } from "./archivist.ts";
import { spawnConfined } from "./confine.ts";
import type { DataFolder } from "./data-folder.ts";
import { DiskFloor } from "./disk-floor.ts";
import { FenceKeeper } from "./fence-keeper.ts";
import { FileDoers } from "./file-doers.ts";
import { FileWitnesses } from "./file-witnesses.ts";
import { Fronts } from "./fronts.ts";
import { Gate } from "./gate.ts";
import { buildDisguise } from "./disguise-program.ts";
import { groundOf } from "./ground.ts";
import { checkOpenFiles } from "./open-files.ts";
import type { Machines } from "./machines.ts";
import { Recordings } from "./recordings.ts";
import { Retention } from "./retention.ts";
import { Seals } from "./seals.ts";
import { settle } from "./settling.ts";
import { standardOutput } from "./standard-output.ts";
import { LiveSessions, type LiveSession } from "./sessions.ts";
import { SandboxFacts, type Seen } from "./sandbox-facts.ts";
import { Status } from "./status.ts";
import { outpostCertificate } from "./outpost-certificate.ts";
import { trafficOf } from "./traffic.ts";
import { ProcessWatch } from "./watch/process-watch.ts";
import { Webhook } from "./webhook.ts";

export interface WardenOptions {
  readonly slot: number;
  readonly data: DataFolder;
  readonly engine: Engine;
  readonly fence: Fence;
  /** All is made ready for the policy. */
  readonly machines: Machines;
  readonly addresses: readonly Endpoint[];
  readonly policy: LoadedPolicy;
  /** How many fronts. */
  readonly fronts: number;
  readonly sensor: string;
  readonly log: Logger;
}

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
  #seals: Seals | undefined;
  #retention: Retention | undefined;
  readonly #webhook: Webhook;
  readonly #fronts: Fronts;
  #policy: LoadedPolicy;
  #pool: Pool | undefined;
  #floor: DiskFloor | undefined;
  #answers: Answers | undefined;
  #keeper: FenceKeeper | undefined;
  #facts: SandboxFacts | undefined;
  #processes: ProcessWatch | undefined;
  #status: Status | undefined;
  readonly #syncing = new AbortController();
  /** Policies are taken over one after the other. */
  #updating: Promise<unknown> = Promise.resolve();

  constructor(options: WardenOptions) {
    const { slot, data, log, addresses } = options;
    this.#options = options;
    this.#log = log;
    this.#policy = options.policy;
    this.#webhook = new Webhook({
      ...{ slot, data: data.path, sensor: options.sensor, uuid: data.identity.uuid, log },
      policy: () => this.#policy.policy.events.webhook,
    });
    this.#archivist = new Archivist({
      log,
      spooled: (spooled) => {
        this.#webhook.spooled(spooled);
      },
      sealed: (session, folder) => this.#seals?.take(session, folder) ?? Promise.resolve(),
      redacted: (redaction) => this.#seals?.redact(redaction) ?? Promise.resolve(),
      start: () => ({
        kind: "start",
        dataFolder: "/run/mitsubako/data",
        sensor: options.sensor,
        uuid: data.identity.uuid,
        ...this.#archiving,
      }),
      spawn: () =>
        spawnConfined({
          role: "archivist",
          slot,
          entry: "gateway/archivist/main.ts",
          standardOutput: standardOutput(),
          codeRoot: CODE_ROOT,
          folders: [{ host: data.path, name: "data", writable: true }],
        }),
    });
    this.#recordings = new Recordings(data.path, this.#readers, this.#archivist, log);
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
    const { slot, data, engine, fence, machines, log } = this.#options;
    const tooFewFiles = checkOpenFiles(this.#policy.policy.limits);
    if (tooFewFiles !== undefined) log.warn(tooFewFiles);
    const seals = await Seals.open({
      data: data.path,
      readers: this.#readers,
      dropsCredentials: (session, day) =>
        !this.#recordings.isNeeded(session) &&
        isOver(day, this.#policy.policy.retention.credentials, Date.now()),
      log,
    });
    this.#seals = seals;
    await this.#recordings.recover();
    await this.#webhook.start();
    await this.#archivist.start();
    this.#retention = new Retention({
      data: data.path,
      policy: () => this.#policy.policy.retention,
      isNeeded: (session) => this.#recordings.isNeeded(session),
      removing: (session, reason) => seals.removing(session, reason),
      removed: (session) => {
        this.#archivist.tell({ kind: "session-removed", session });
      },
      log,
    });
    const { dataRoot, remap } = await learnEngine(engine);
    const floor = await DiskFloor.open({
      data: data.path,
      engine: dataRoot,
      floor: () => this.#policy.policy.limits.diskFloor,
      log,
    });
    this.#floor = floor;
    const take = (seen: Seen) => this.#facts?.seen(seen);
    const witnesses = await FileWitnesses.open({
      folder: join(data.path, "tools"),
      uid: childUid(slot, FILE_WITNESS_INDEX),
      payers: childUids(slot),
      artifacts: new Artifacts(join(data.path, "artifacts")),
      remap,
      policy: () => this.#policy.policy.evidence,
      room: (most) => roomForCapture(floor.room, most),
      doers: new FileDoers({
        occupants: (sandbox) => this.#pool?.occupants(sandbox, undefined)?.sessions ?? [],
        processes: () => this.#processes,
        take,
        failed: (error) => {
          log.error({ err: error }, "a script that was run in a sandbox could not be kept");
        },
      }),
      take,
      log,
    });
    const processes = await ProcessWatch.open({
      folder: join(data.path, "tools"),
      uid: childUid(slot, TAP_INDEX),
      spawn: () =>
        spawnConfined({
          role: "watcher",
          slot,
          entry: "gateway/watcher/main.ts",
          codeRoot: CODE_ROOT,
          folders: [],
        }),
      remap,
      policy: () => this.#policy.policy.evidence,
      take,
      unnamed: (run) => {
        witnesses.ranInMemory(run);
      },
      log,
    });
    this.#processes = processes;
    const pool = await startPool({
      engine,
      slot,
      network: { subnet: fence.plan.subnet.cidr, gateway: fence.plan.gateway },
      policy: () => this.#policy.policy,
      machines: () => machines.shownBy(this.#policy.policy),
      artifacts: join(data.path, "artifacts"),
      log,
      ground: groundOf(fence, { files: witnesses, processes }),
      disguise: await buildDisguise(join(data.path, "tools"), log),
      onGone: (sessions) => {
        for (const session of sessions) this.#forgotten(session);
      },
      onCapture: (capture) => this.#recordings.captured(capture),
      traffic: (address, network) => trafficOf(fence, address, network),
      onExpired: (sessions, reason) => {
        for (const session of sessions) this.#endSession(session, reason);
      },
      room: () => floor.room,
    });
    this.#pool = pool;
    const facts = new SandboxFacts({
      pool,
      sessions: this.#sessions,
      tell: (front, notice) => {
        this.#fronts.tell(front, notice);
      },
      keep: (session, late) => this.#recordings.unattended(session, late),
      log,
    });
    this.#facts = facts;
    this.#keeper = await FenceKeeper.start({
      data: data.path,
      slot,
      fence,
      metrics: () => this.#webhook.metrics(),
      policy: () => this.#policy.policy,
      tls: await outpostCertificate(data.path),
      onFact: (fact) => {
        facts.take(fact);
      },
      log,
    });
    floor.watch(pool);
    this.#answers = new Answers({
      policy: () => this.#policy,
      sessions: this.#sessions,
      gate: new Gate((starting, starts) => dropsStart(starts, starting)),
      pool,
      sources: fence.sources,
      attempts: new AttemptMemory(this.#policy.policy.auth.memory),
      hasRoom: () => !floor.room.isShort,
      expected: (address, session, client) => {
        processes.expect(address, session, client);
      },
      settle: (address) => settle(address, { files: witnesses, processes }),
      shownUnder: (policy) => machines.shownUnder(policy),
      tell: (front, notice) => {
        this.#fronts.tell(front, notice);
      },
      opened: ({ front, id, startedAt }) => {
        this.#recordings.opened(front, id, startedAt);
      },
      log,
    });
    void keepSynced(join(data.path, "live"), this.#syncing.signal, (error, path) => {
      log.error({ err: error, path }, "a living recording could not be brought to the disk");
    });
    await this.#fronts.start();
    const onNews = (news: PolicyNews) => {
      this.#archivist.tell({ kind: "policy-news", news });
    };
    this.#status = new Status({ data: data.path, facts: () => this.#standing(), onNews, log }, this.#policy);
  }

  get frontPids(): number[] {
    return this.#fronts.pids;
  }

  get outpostPid(): number | undefined {
    return this.#keeper?.outpostPid;
  }

  get courierPid(): number | undefined {
    return this.#webhook.courierPid;
  }

  get watcherPids(): { watcher: number | undefined; loader: number | undefined } {
    return { watcher: this.#processes?.pid, loader: this.#processes?.tapPid };
  }

  get archivistPid(): number | undefined {
    return this.#archivist.pid;
  }

  /**
   * The policy file was saved, or SIGHUP came. From when on each value holds: policy/when-applied.ts. Never rejects.
   * @returns which policy is in force then, and why the update was not taken over, if so.
   */
  updated(update: PolicyUpdate): Promise<{ inForce: LoadedPolicy; turnedDown?: MitsubakoError }> {
    const taking = this.#updating.then(async () => {
      try {
        const turnedDown = await this.#takeOver(update);
        return { inForce: this.#policy, ...(turnedDown === undefined ? {} : { turnedDown }) };
      } catch (error) {
        this.#log.error({ err: error }, "a change of the policy could not be taken over as a whole");
        return { inForce: this.#policy };
      }
    });
    this.#updating = taking;
    return taking;
  }

  async #takeOver(update: PolicyUpdate): Promise<MitsubakoError | undefined> {
    switch (update.outcome) {
      case "same":
        // It was read before the one that it is the same as was turned down.
        if (update.loaded.hash !== this.#policy.hash) break;
        this.#log.info({ policy: update.loaded.hash }, "the policy in force is the file's");
        this.#status?.putRight();
        void this.#webhook.policyChanged();
        break;
      case "refused":
        this.#log.error(
          `the policy file was refused, the old policy stays in force: ${update.error.message}`,
        );
        this.#status?.refused(update.error.message);
        break;
      case "changed": {
        const obstacle = await this.#obstacleTo(update.loaded);
        if (obstacle !== undefined) return obstacle;
        this.#policy = update.loaded;
        const changes = update.changes.map((change) => `${showChange(change)} (${whenApplied(change.path)})`);
        this.#log.info({ policy: update.loaded.hash, changes }, "a new policy is in force");
        this.#status?.changed(update.loaded, changes);
        this.#fronts.tellAll({ kind: "configure", configuration: this.#configuration() });
        this.#answers?.policyChanged();
        this.#pool?.policyChanged();
        this.#keeper?.policyChanged();
        this.#archivist.tell({ kind: "policy", ...this.#archiving });
        void this.#webhook.policyChanged();
        void this.#retention?.look();
        break;
      }
      default:
        update satisfies never;
    }
    return undefined;
  }

  /**
   * Undefined where the engine has the images that the policy newly asks for, and can contain what it asks for; with one that it cannot
   * no sandbox could be made. Then its machines are ready.
   */
  async #obstacleTo({ policy, path }: LoadedPolicy): Promise<MitsubakoError | undefined> {
    try {
      for (const each of everyPolicy(policy)) this.#pool?.require(each);
      await this.#options.machines.prepare(policy);
      return undefined;
    } catch (error) {
      const remedy = error instanceof MitsubakoError && error.remedy !== undefined ? ` ${error.remedy}` : "";
      const reason = `${path}: ${error instanceof Error ? error.message : String(error)}${remedy}`;
      this.#log.error({ err: error }, `the new policy was refused, the old policy stays in force: ${reason}`);
      this.#status?.refused(reason);
      return error instanceof MitsubakoError
        ? error
        : new MitsubakoError("internal", "The policy could not be taken over.", { cause: error });
    }
  }

  /** Ends sessions within the policy's time, captures and removes sandboxes, lets the archivist finish. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#updating;
    await this.#fronts.drain(this.#policy.policy.deadlines.drain);
    await Promise.all(this.#sessions.all().map((session) => this.#over(session)));
    await this.#floor?.[Symbol.asyncDispose]();
    await this.#pool?.drain();
    await this.#processes?.[Symbol.asyncDispose]();
    await this.#keeper?.[Symbol.asyncDispose]();
    await this.#recordings.settled();
    await this.#retention?.[Symbol.asyncDispose]();
    this.#syncing.abort();
    await this.#archivist.drain();
    await this.#webhook.drain();
    await this.#seals?.[Symbol.asyncDispose]();
    this.#status?.[Symbol.dispose]();
  }

  #standing() {
    const { sandboxes: all = 0, spares = 0, sources = 0, profiles = {} } = this.#pool?.figures ?? {};
    const { slot, addresses: listening, machines } = this.#options;
    const sandboxes = { all, spares, sources, profiles };
    const personas = machines.shownBy(this.#policy.policy).map(({ machine, hostname }) => {
      const { persona, keys } = machine;
      return { name: persona.name, hostname, keys, sources: this.#pool?.sourcesOf(machine) ?? 0 };
    });
    const shut = this.#keeper?.shut;
    return {
      ...(shut === undefined ? {} : { shut }),
      slot,
      listening,
      sandboxes,
      personas,
      sessions: this.#sessions.all().length,
    };
  }

  /** The group that reads recordings: the archivist's. */
  get #readers(): number {
    return childUid(this.#options.slot, ARCHIVIST_INDEX);
  }

  /** What of the policy the archivist goes by. */
  get #archiving(): Pick<ToArchivist & { kind: "policy" }, "events" | "credentials"> {
    const { events, retention } = this.#policy.policy;
    const { credentials } = retention;
    return { events, ...(credentials === undefined ? {} : { credentials }) };
  }

  #configuration(): FrontConfiguration {
    const { machines, sensor } = this.#options;
    return { sensor, policy: this.#policy.hash, machines: machines.all };
  }

  #heard(front: number, notice: FrontNotice): void {
    if (notice.kind === "ready") return;
    const session = this.#sessions.of(front, notice.session);
    if (!session) return;
    if (notice.kind === "logged-in") {
      session.loggedIn();
      if (notice.by === "password") session.letIn?.();
      const profile = session.resolved?.profile;
      if (profile !== undefined)
        this.#log.info({ session: session.id, profile }, "a session has logged in that a profile is for");
    } else {
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
    this.#forgotten(session.id);
  }

  /** Once it is over, and no sandbox is left that it was in. */
  #forgotten(session: SessionId): void {
    if (this.#sessions.get(session) !== undefined || this.#pool?.remembers(session) === true) return;
    void this.#recordings.closed(session);
    this.#facts?.forget(session);
  }

  #endSession(id: SessionId, reason: EndReason): void {
    const session = this.#sessions.get(id);
    if (session) this.#fronts.tell(session.front, { kind: "end-session", session: id, reason });
  }
}

import { policyEvent } from "../events/policy-event.ts";
import { IndexStore } from "../index/store.ts";
import type { FromArchivist, ToArchivist } from "../model/archivist-messages.ts";
import type { SessionId } from "../model/ids.ts";
import { findBacklog } from "./catch-up.ts";
import { finishLater, finishSession, tellRedacted } from "./finish.ts";
import type { Finishing } from "./finishing.ts";
import { Follower } from "./follower.ts";
import { Redacting } from "./redacting.ts";
import { Sealing } from "./sealing.ts";
import { Sinks } from "./sinks.ts";

type Start = Extract<ToArchivist, { kind: "start" }>;

/**
 * Follows what lives and finishes what ended, one session after the other. What a stranger's bytes do to the work on one session
 * sets that session aside with a word; the others go on.
 */
export class Archivist {
  readonly #say: (message: FromArchivist) => void;
  readonly #gateway: Pick<Start, "sensor" | "uuid">;
  readonly #work: Finishing;
  readonly #sinks: Sinks;
  readonly #follower: Follower;
  readonly #sealing: Sealing;
  readonly #redacting: Redacting;
  /** Sessions that are known but not finished yet: what comes late waits for them. */
  readonly #open = new Set<SessionId>();
  #queue: Promise<void> = Promise.resolve();

  /** Opens index and event file and takes up what the last archivist left. */
  static async start(start: Start, say: (message: FromArchivist) => void): Promise<Archivist> {
    const { dataFolder } = start;
    const index = IndexStore.open(dataFolder);
    index.dropLive();
    const backlog = findBacklog(dataFolder, index);
    index.awaits(backlog.sessions.map(({ session }) => session));
    const waiting = [...backlog.sessions, ...backlog.late];
    const sessions = new Set<string>([
      ...waiting.map(({ session }) => session),
      ...backlog.live.map(({ session }) => session),
    ]);
    const sinks = await Sinks.open({
      ...{ dataFolder, policy: start.events, sessions, since: backlog.since },
      problem: (message) => {
        say({ kind: "problem", message });
      },
      spooled: (tally) => {
        say({ kind: "spooled", ...tally });
      },
    });
    const archivist = new Archivist(start, index, sinks, say);
    for (const session of backlog.gone) archivist.#removed(session);
    for (const { session, folder } of backlog.sessions) archivist.#finish(session, folder);
    for (const { session, folder } of backlog.late) archivist.#late(session, folder);
    for (const { session, path } of backlog.live) archivist.#follow(session, path);
    void archivist.#sealing.addUnsealed();
    void archivist.#redacting.look();
    return archivist;
  }

  private constructor(
    { dataFolder, sensor, uuid, credentials }: Start,
    index: IndexStore,
    sinks: Sinks,
    say: (message: FromArchivist) => void,
  ) {
    this.#say = say;
    this.#gateway = { sensor, uuid };
    const problem = (message: string) => {
      say({ kind: "problem", message });
    };
    this.#sinks = sinks;
    const context = { uuid, arch: `linux-${process.arch}-lsb` };
    const emit: Finishing["emit"] = (session, some) => {
      this.#sinks.writer.write(session, some);
    };
    this.#work = { dataFolder, context, index, emit, problem };
    this.#sealing = new Sealing({
      dataFolder,
      sealed: (session, path) => {
        say({ kind: "sealed", session, path });
      },
      redacted: (session, { folder: path, line, unchanged }) => {
        say({ kind: "redacted", session, path, line, unchanged });
      },
      problem,
    });
    this.#redacting = new Redacting(
      {
        ...{ dataFolder, problem, sealing: this.#sealing },
        knowsPassword: (session) => index.knowsPassword(session),
        redacted: (session, folder) => {
          this.#redacted(session, folder);
        },
      },
      credentials,
    );
    this.#follower = new Follower({
      dataFolder,
      context,
      emit,
      problem,
      summarized: (path, summary, observations) => {
        index.putLive(path, summary, observations);
      },
    });
  }

  take(message: Exclude<ToArchivist, Start>): void {
    switch (message.kind) {
      case "session-opened":
        this.#follow(message.session, message.path);
        return;
      case "session-finished":
        this.#follower.leave(message.session);
        this.#finish(message.session, message.path);
        return;
      case "session-vanished":
        this.#follower.leave(message.session);
        this.#open.delete(message.session);
        return;
      case "session-removed":
        this.#removed(message.session);
        return;
      case "capture":
      case "network":
        this.#late(message.session, message.path);
        return;
      case "seal-taken":
        this.#sealing.taken(message.session);
        return;
      case "redaction-taken":
        this.#sealing.taken(message.session);
        this.#redacted(message.session, message.path);
        return;
      case "policy":
        this.#sinks.configure(message.events);
        this.#redacting.configure(message.credentials);
        return;
      case "policy-news":
        this.#sinks.announce(policyEvent(message.news, this.#gateway));
        return;
      case "drain":
        void this.#drain();
        return;
      default:
        message satisfies never;
    }
  }

  #follow(session: SessionId, path: string): void {
    this.#open.add(session);
    this.#follower.follow(session, path);
  }

  #finish(session: SessionId, folder: string): void {
    this.#open.add(session);
    this.#enqueue(session, async () => {
      this.#open.delete(session);
      if (!this.#work.index.has("session", session)) await finishSession(session, folder, this.#work);
      this.#sinks.writer.forget(session);
      this.#say({ kind: "archived", session });
      this.#sealing.add(session, folder);
    });
  }

  /** What lies beside the recording of a session that is not finished is taken in with it; this comes after it in any case. */
  #late(session: SessionId, folder: string): void {
    this.#enqueue(session, async () => {
      if (this.#open.has(session)) return;
      await finishLater(session, folder, this.#work);
      this.#sinks.writer.forget(session);
    });
  }

  /** Its recording tells less than it did. */
  #redacted(session: SessionId, folder: string): void {
    this.#enqueue(session, () => tellRedacted(session, folder, this.#work));
  }

  #removed(session: SessionId): void {
    this.#sealing.drop(session);
    this.#enqueue(session, () => {
      this.#work.index.forget(session);
      return Promise.resolve();
    });
  }

  #enqueue(session: SessionId, work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      this.#work.problem(
        `Session ${session} is set aside: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }

  async #drain(): Promise<void> {
    this.#follower.stop();
    this.#redacting.stop();
    this.#sealing.stop();
    let queue;
    do await (queue = this.#queue);
    while (queue !== this.#queue);
    this.#sinks.close();
    this.#work.index[Symbol.dispose]();
    this.#say({ kind: "drained" });
  }
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EventSink } from "../events/sink.ts";
import { FileSink } from "../events/sink-file.ts";
import { StdoutSink } from "../events/sink-stdout.ts";
import { lastWritten } from "../events/written.ts";
import { IndexStore } from "../index/store.ts";
import type { EventsPolicy, FromArchivist, ToArchivist } from "../model/archivist-messages.ts";
import type { SessionId } from "../model/ids.ts";
import { findBacklog } from "./catch-up.ts";
import { EventWriter } from "./event-writer.ts";
import { finishLater, finishSession } from "./finish.ts";
import type { Finishing } from "./finishing.ts";
import { Follower } from "./follower.ts";
import { Sealing } from "./sealing.ts";

type Start = Extract<ToArchivist, { kind: "start" }>;

/**
 * Follows what lives and finishes what ended, one session after the other. What a stranger's bytes do to the work on one session
 * sets that session aside with a word; the others go on.
 */
export class Archivist {
  readonly #say: (message: FromArchivist) => void;
  readonly #work: Finishing;
  readonly #writer: EventWriter;
  readonly #follower: Follower;
  readonly #sealing: Sealing;
  readonly #file: FileSink;
  readonly #printing: { sink: EventSink | undefined };
  /** Sessions that are known but not finished yet: what comes late waits for them. */
  readonly #open = new Set<SessionId>();
  #queue: Promise<void> = Promise.resolve();

  /** Opens index and event file and takes up what the last archivist left. */
  static async start(start: Start, say: (message: FromArchivist) => void): Promise<Archivist> {
    const { dataFolder } = start;
    const index = IndexStore.open(dataFolder);
    index.dropLive();
    mkdirSync(join(dataFolder, "events"), { recursive: true, mode: 0o750 });
    const backlog = findBacklog(dataFolder, index);
    index.awaits(backlog.sessions.map(({ session }) => session));
    const waiting = [...backlog.sessions, ...backlog.late];
    const sessions = new Set<string>([
      ...waiting.map(({ session }) => session),
      ...backlog.live.map(({ session }) => session),
    ]);
    const written = await lastWritten(join(dataFolder, "events"), sessions, backlog.since);
    const archivist = new Archivist(start, index, written, say);
    for (const session of backlog.gone) archivist.#removed(session);
    for (const { session, folder } of backlog.sessions) archivist.#finish(session, folder);
    for (const { session, folder } of backlog.late) archivist.#late(session, folder);
    for (const { session, path } of backlog.live) archivist.#follow(session, path);
    void archivist.#sealing.addUnsealed();
    return archivist;
  }

  private constructor(
    { dataFolder, uuid, events }: Start,
    index: IndexStore,
    written: Map<string, number>,
    say: (message: FromArchivist) => void,
  ) {
    this.#say = say;
    const problem = (message: string) => {
      say({ kind: "problem", message });
    };
    this.#file = new FileSink(join(dataFolder, "events"), events, problem);
    const printing: { sink: EventSink | undefined } = {
      sink: events.stdout ? new StdoutSink(problem) : undefined,
    };
    this.#printing = printing;
    const stdout: EventSink = {
      write: (some) => printing.sink?.write(some),
      close: () => printing.sink?.close(),
    };
    this.#writer = new EventWriter([this.#file, stdout], written);
    const context = { uuid, arch: `linux-${process.arch}-lsb` };
    const emit: Finishing["emit"] = (session, some) => {
      this.#writer.write(session, some);
    };
    this.#work = { dataFolder, context, index, emit, problem };
    this.#sealing = new Sealing({
      dataFolder,
      sealed: (session, path) => {
        say({ kind: "sealed", session, path });
      },
      problem,
    });
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
      case "policy":
        this.#configure(message.events);
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
      this.#writer.forget(session);
      this.#say({ kind: "archived", session });
      this.#sealing.add(session, folder);
    });
  }

  /** What lies beside the recording of a session that is not finished is taken in with it; this comes after it in any case. */
  #late(session: SessionId, folder: string): void {
    this.#enqueue(session, async () => {
      if (this.#open.has(session)) return;
      await finishLater(session, folder, this.#work);
      this.#writer.forget(session);
    });
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

  #configure(events: EventsPolicy): void {
    this.#file.configure(events);
    if (events.stdout) this.#printing.sink ??= new StdoutSink(this.#work.problem);
    else this.#printing.sink = undefined;
  }

  async #drain(): Promise<void> {
    this.#follower.stop();
    this.#sealing.stop();
    let queue;
    do await (queue = this.#queue);
    while (queue !== this.#queue);
    this.#file.close();
    this.#work.index[Symbol.dispose]();
    this.#say({ kind: "drained" });
  }
}

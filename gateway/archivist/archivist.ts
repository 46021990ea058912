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
import { finishLateCapture, finishSession, type Finishing } from "./finish.ts";
import { Follower } from "./follower.ts";

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
  readonly #file: FileSink;
  readonly #printing: { sink: EventSink | undefined };
  /** Sessions that are known but not finished yet: their captures wait for them. */
  readonly #open = new Set<SessionId>();
  #queue: Promise<void> = Promise.resolve();

  /** Opens index and event file and takes up what the last archivist left. */
  static async start(start: Start, say: (message: FromArchivist) => void): Promise<Archivist> {
    const { dataFolder } = start;
    const index = IndexStore.open(dataFolder);
    index.dropLive();
    mkdirSync(join(dataFolder, "events"), { recursive: true, mode: 0o750 });
    const backlog = findBacklog(dataFolder, index);
    const waiting = [...backlog.sessions, ...backlog.captures];
    const sessions = new Set<string>([
      ...waiting.map(({ session }) => session),
      ...backlog.live.map(({ session }) => session),
    ]);
    const written = await lastWritten(join(dataFolder, "events"), sessions, backlog.since);
    const archivist = new Archivist(start, index, written, say);
    for (const { session, folder } of backlog.sessions) archivist.#finish(session, folder);
    for (const { session, folder } of backlog.captures) archivist.#capture(session, folder);
    for (const { session, path } of backlog.live) archivist.#follow(session, path);
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
    this.#follower = new Follower({
      dataFolder,
      context,
      emit,
      problem,
      summarized: (path, summary) => {
        index.putLive(path, summary);
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
      case "capture":
        this.#capture(message.session, message.path);
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
    });
  }

  /** The capture of a session that is not finished is taken in with it, if it lies there by then; this comes after it in any case. */
  #capture(session: SessionId, folder: string): void {
    this.#enqueue(session, async () => {
      if (this.#open.has(session) || this.#work.index.has("capture", session)) return;
      await finishLateCapture(session, folder, this.#work);
      this.#writer.forget(session);
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
    let queue;
    do await (queue = this.#queue);
    while (queue !== this.#queue);
    this.#file.close();
    this.#work.index[Symbol.dispose]();
    this.#say({ kind: "drained" });
  }
}

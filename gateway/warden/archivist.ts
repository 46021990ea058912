import type { ChildProcess } from "node:child_process";
import type { Logger } from "pino";
import { escapeText } from "../model/bytes.ts";
import type { FromArchivist, ToArchivist } from "../model/archivist-messages.ts";
import type { SessionId } from "../model/ids.ts";
import type { Redaction } from "./seals.ts";

export interface ArchivistOptions {
  readonly spawn: () => Promise<ChildProcess>;
  /** What it is told first, at every start: it finds by itself what it has missed. */
  readonly start: () => ToArchivist & { kind: "start" };
  /** It has sealed a recording, as it says; resolves when that was taken, or will not be. */
  readonly sealed: (session: unknown, folder: unknown) => Promise<void>;
  /** It has dropped the passwords of a recording, as it says. Resolves as `sealed` does. */
  readonly redacted: (redaction: Redaction) => Promise<void>;
  /** The webhook's spool is another than before, as it says. */
  readonly spooled: (spooled: { readonly bytes: number; readonly dropped: number }) => void;
  readonly log: Logger;
}

/** A dead archivist is started again after this many milliseconds; sessions go on without it. */
const RESTART_PAUSE = 1000;
/** How long it may take to finish what is there when the gateway stops. */
const DRAIN_DEADLINE = 30_000;

/** The warden's end of the archivist: keeps one running and tells it what happens to sessions. */
export class Archivist {
  readonly #options: ArchivistOptions;
  #child: ChildProcess | undefined;
  #starting: Promise<void> | undefined;
  #draining = false;
  #restarting: NodeJS.Timeout | undefined;

  constructor(options: ArchivistOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it is ready. */
  start(): Promise<void> {
    const starting = this.#startOne();
    this.#starting = starting;
    return starting;
  }

  async #startOne(): Promise<void> {
    const child = await this.#options.spawn();
    this.#child = child;
    const ready = new Promise<void>((resolve, reject) => {
      child.on("message", (raw) => {
        // It parses what strangers sent, so it is believed in nothing but what it says for the log.
        const message = raw as Partial<FromArchivist> | null;
        if (message?.kind === "ready") resolve();
        else if (message?.kind === "problem" && typeof message.message === "string")
          this.#options.log.warn({ from: "archivist" }, escapeText(message.message.slice(0, 2000)));
        else if (message?.kind === "sealed") void this.#sealed(message);
        else if (message?.kind === "redacted") void this.#redacted(message);
        else if (message?.kind === "spooled" && isCount(message.bytes) && isCount(message.dropped))
          this.#options.spooled({ bytes: message.bytes, dropped: message.dropped });
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        reject(new Error(`the archivist ended (${signal ?? code ?? "?"}) before it was ready`));
        this.#child = undefined;
        if (this.#draining) return;
        this.#options.log.error(
          { code, signal },
          "the archivist died; starting it again, it catches up by itself",
        );
        this.#restart();
      });
    });
    // It was not there yet when the gateway began to end.
    if (this.#draining) child.kill("SIGKILL");
    this.tell(this.#options.start());
    await ready;
  }

  tell(message: ToArchivist): void {
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }

  /** Lets it finish what is there; ends it when that takes too long: the next start goes on where it was. */
  async drain(): Promise<void> {
    this.#draining = true;
    clearTimeout(this.#restarting);
    if (this.#child === undefined) await this.#starting?.catch(() => undefined);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => {
      child.once("exit", () => {
        resolve();
      });
    });
    this.tell({ kind: "drain" });
    const timer = setTimeout(() => child.kill("SIGKILL"), DRAIN_DEADLINE);
    await gone;
    clearTimeout(timer);
  }

  async #sealed({ session, path }: { session?: SessionId; path?: string }): Promise<void> {
    await this.#options.sealed(session, path);
    if (session !== undefined) this.tell({ kind: "seal-taken", session });
  }

  async #redacted(message: Redaction & { session?: SessionId; path?: string }): Promise<void> {
    await this.#options.redacted(message);
    const { session, path } = message;
    if (session !== undefined && path !== undefined) this.tell({ kind: "redaction-taken", session, path });
  }

  #restart(): void {
    if (this.#restarting !== undefined) return;
    this.#restarting = setTimeout(() => {
      this.#restarting = undefined;
      if (this.#draining) return;
      this.start().catch((error: unknown) => {
        if (this.#draining) return;
        this.#options.log.error({ err: error }, "the archivist could not be started");
        if (!this.#child) this.#restart();
      });
    }, RESTART_PAUSE);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

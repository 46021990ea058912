/**
 * The archivist's real process, under the permission model as the warden starts it; the rest of its confinement is tested
 * with the warden.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { FromArchivist, ToArchivist } from "../../gateway/model/archivist-messages.ts";

const MAIN = join(import.meta.dirname, "..", "..", "gateway", "archivist", "main.ts");
export const UUID = "5f1c1c0e-2a6b-11f1-9d6e-0242ac120002";

export class ArchivistChild {
  readonly process: ChildProcess;
  readonly said: FromArchivist[] = [];
  printed = "";
  readonly #waiting = new Set<() => void>();

  constructor(t: TestContext, dataFolder: string) {
    const code = join(dirname(MAIN), "..");
    this.process = fork(MAIN, {
      serialization: "advanced",
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      execArgv: [
        "--permission",
        `--allow-fs-read=${code}/`,
        `--allow-fs-read=${join(code, "..", "node_modules")}/`,
        `--allow-fs-read=${dataFolder}`,
        `--allow-fs-write=${dataFolder}`,
      ],
    });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => (this.printed += text));
    this.process.on("message", (message: FromArchivist) => {
      this.said.push(message);
      for (const look of this.#waiting) look();
    });
    t.after(() => this.process.kill("SIGKILL"));
  }

  /** @param credentials milliseconds, as `retention.credentials` has them. */
  static async start(
    t: TestContext,
    dataFolder: string,
    events = {},
    credentials?: number,
  ): Promise<ArchivistChild> {
    const child = new ArchivistChild(t, dataFolder);
    const policy = { rotate: "size" as const, rotateAt: 100_000_000, keep: 5, stdout: false, ...events };
    child.tell({
      kind: "start",
      dataFolder,
      sensor: "lab",
      uuid: UUID,
      events: policy,
      ...(credentials && { credentials }),
    });
    await child.hears(({ kind }) => kind === "ready");
    return child;
  }

  tell(message: ToArchivist): void {
    this.process.send(message);
  }

  /** Waits until it has said that, now or before. */
  async hears(what: (message: FromArchivist) => boolean, within = 60_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the archivist said only ${JSON.stringify(this.said)}`));
      }, within);
      const look = () => {
        if (!this.said.some(what)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async archived(session: string): Promise<void> {
    await this.hears((message) => message.kind === "archived" && message.session === session);
  }

  async drain(): Promise<void> {
    const exited = once(this.process, "exit");
    this.tell({ kind: "drain" });
    await this.hears(({ kind }) => kind === "drained");
    await exited;
  }

  async kill(): Promise<void> {
    const exited = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await exited;
  }

  get problems(): string[] {
    return this.said.flatMap((message) => (message.kind === "problem" ? [message.message] : []));
  }
}
